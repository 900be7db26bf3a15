// NDJSON read ahead on free Ps: while JavaScript builds the values of one piece of a chunk, what can be done
// without JavaScript is done to the pieces behind it. What joins json and sched for that stands here.
//
// What becomes of a piece depends on nothing but its bytes. So each is copied, and what was made of it is
// used only if the bytes asked for are still the copied ones: whoever changed, detached or freed the chunk
// meanwhile, or reads something else at the same address, gets what stands there now. Ms touch nothing that
// JavaScript owns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "json/join_lines.h"
#include "json/kernel.h"
#include "json/outline.h"
#include "json/program.h"
#include "json/program_lines.h"
#include "memory/cache.h"
#include "sched/ahead.h"

namespace tailrace::binding {

/** A piece of NDJSON: whole lines. */
struct Piece {
  Piece() noexcept : text(cache) {}
  /** A job's own, because the thread that runs it changes. */
  memory::Cache cache;
  /** Where the copied bytes came from: a hint where the next pieces stand. */
  const uint8_t* origin = nullptr;
  size_t size = 0;
  json::Buffer<uint8_t> text;

  [[nodiscard]] bool copy(const uint8_t* data, size_t bytes) noexcept {
    if (!text.reserve(bytes, 0)) return false;
    memcpy(text.data(), data, bytes);
    origin = data;
    size = bytes;
    return true;
  }
};

/** A piece decoded by a program. */
struct DecodeJob : Piece {
  DecodeJob() noexcept : program_words(cache), words(cache), doubles(cache), table(cache), tape(cache) {}

  /** Lines in one piece; more are left to the next. */
  static constexpr size_t kRows = 4096;

  struct What {
    const json::Program& program;
    uint64_t serial;  // of the program: no other of this environment had it
    size_t max_line;
    bool of(const DecodeJob& job) const noexcept {
      return job.program_serial == serial && job.max_line == max_line;
    }
  };

  uint64_t program_serial = 0;  // 0: none copied yet
  size_t max_line = 0;
  json::Program program;
  json::Buffer<int32_t> program_words;
  json::Buffer<int32_t> words;
  json::Buffer<double> doubles;
  json::Buffer<json::DecodedLine> table;
  json::DecodeTape tape;
  json::Stage1 stage1;
  json::DecodedLines result;

  /** Copies what is to be decoded. false: no memory. */
  [[nodiscard]] bool fill(const What& what, const uint8_t* data, size_t bytes) noexcept;
  void run() noexcept;
};

/** A piece made into the text of one array. */
struct JoinJob : Piece {
  JoinJob() noexcept : joined(cache), outliner(cache) {}

  struct What {
    size_t max_line;
    bool of(const JoinJob& job) const noexcept { return job.max_line == max_line; }
  };

  size_t max_line = 0;
  json::Buffer<uint8_t> joined;
  json::Outliner outliner;
  json::JoinedLines result;

  [[nodiscard]] bool fill(const What& what, const uint8_t* data, size_t bytes) noexcept;
  void run() noexcept;
};

/** What an environment has had done ahead; one reader of lines at a time gains by it. */
template <class Job>
class PiecesAhead {
 public:
  using What = typename Job::What;

  /**
   * What was made of bytes[0, its size), to be popped when it has been used; null: the caller does it. `size`
   * then becomes smaller, if what follows has been done.
   */
  Job* find(const What& what, const uint8_t* bytes, size_t& size) noexcept {
    while (Job* job = window_.oldest()) {
      const bool same = what.of(*job);
      if (same && job->origin > bytes && job->origin < bytes + size && job->origin[-1] == '\n') {
        // a line before it was read by itself: what follows is still of use
        size = static_cast<size_t>(job->origin - bytes);
        return nullptr;
      }
      if (same && job->origin == bytes && job->size <= size) {
        // as long as it takes to do it here, and not much longer
        const sched::Settled settled = window_.settle(static_cast<uint32_t>(job->size / 64));
        if (settled == sched::Settled::done || settled == sched::Settled::displaced) {
          if (memcmp(job->text.data(), bytes, job->size) == 0) {
            useless_ = settled == sched::Settled::done ? 0 : useless_ + 1;
            return job;
          }
        } else {
          size = job->size;  // as far as it would have gone, so that the next one is of use
          useless_ = settled == sched::Settled::late ? kMostUseless : useless_ + 1;
          pop();
          return nullptr;
        }
      }
      window_.pop();
      pause();
    }
    return nullptr;
  }

  void pop() noexcept {
    window_.pop();
    if (useless_ >= kMostUseless) {
      pause();
    } else if (useless_ == 0) {
      if (width_ < kMost && width_ < 2 * procs_) width_++;
      next_pause_ = kFirstPause;
    }
  }

  /** A reader of lines has come to its end: memory that nobody else uses goes. */
  void ended() noexcept { window_.clear(); }

  /** The rest of the chunk, [from, end), will be asked for next. */
  void offer(const What& what, const uint8_t* from, const uint8_t* end) noexcept {
    const uint32_t procs = sched::scheduler().procs();
    if (procs != procs_) {  // there may be somebody now
      procs_ = procs;
      pause_ = 0;
      next_pause_ = kFirstPause;
    }
    if (pause_ != 0) {
      pause_--;
      return;
    }
    if (window_.oldest()) {
      from = next_;
    } else if (end - from < kLeast) {
      return;
    }
    while (window_.size() < width_ && from < end && window_.worthwhile()) {
      const size_t rest = static_cast<size_t>(end - from);
      const void* newline = memrchr(from, '\n', rest < kPiece ? rest : kPiece);
      Job* job = newline ? window_.room() : nullptr;
      if (!job) return;
      const size_t size = static_cast<size_t>(static_cast<const uint8_t*>(newline) - from) + 1;
      if (!job->fill(what, from, size)) return;
      window_.push();
      from += size;
      next_ = from;
    }
  }

 private:
  static constexpr uint32_t kMost = 8;
  /** As lib/json/splitter.ts cuts a chunk. */
  static constexpr size_t kPiece = 128 * 1024;
  /** A rest below is not worth waking anybody for. */
  static constexpr ptrdiff_t kLeast = 2 * kPiece;
  static constexpr uint32_t kFirstPause = 8, kMostPause = 1024;
  /** The first pieces are there before anybody has woken up. */
  static constexpr uint32_t kFirstWidth = 2, kMostUseless = 4;

  /** For a while everything is done here. */
  void pause() noexcept {
    width_ = kFirstWidth;
    useless_ = 0;
    pause_ = next_pause_;
    if (next_pause_ < kMostPause) next_pause_ *= 2;
  }

  sched::Ahead<Job, kMost> window_;
  /** Where the piece behind the last one begins. */
  const uint8_t* next_ = nullptr;
  /** Pieces ahead at most: one more with each that was of use, up to two for each P. */
  uint32_t width_ = kFirstWidth;
  /** Pieces in a row that nobody had begun, or that took this thread's own time: no P is free, whatever it
   * seems. */
  uint32_t useless_ = 0;
  /** Calls for which nothing is offered, when it was of no use or late; twice as many each time. */
  uint32_t pause_ = 0, next_pause_ = kFirstPause;
  uint32_t procs_ = 0;
};

}  // namespace tailrace::binding
