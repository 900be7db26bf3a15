// Policies about keys, over a parsed text: forbidden names, duplicates.
#pragma once

#include "json/node.h"
#include "json/parser.h"

namespace tailrace::json {

/** The first key that `options` forbid, in document order: json_forbidden_key or json_duplicate_key. */
ParseError check_keys(memory::Cache& cache, const Tape& tape, const DocumentOptions& options) noexcept;

}  // namespace tailrace::json
