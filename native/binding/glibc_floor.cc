// Keeps the GLIBC that the addon asks for at 2.28 whatever the build machine has. A link takes the newest
// version of each symbol: pthread_create@GLIBC_2.34 on a new system although the function has not changed
// since 2.2.5. The linker is told (--wrap in both builds) to send those calls here, and from here they go to
// the old version by name. It also catches the calls out of the static libstdc++ and libgcc, which no header
// of ours could reach.
//
// scripts/support/glibc.mjs reads the result, test/package/tarball.test.ts holds the floor. Sanitizer builds
// have no wraps.
#include <stdlib.h>

#if defined(__GLIBC__) && defined(TAILRACE_GLIBC_FLOOR)

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/random.h>

#if defined(__x86_64__)
#define TAILRACE_BASE_GLIBC "GLIBC_2.2.5"
#define TAILRACE_SETNAME_GLIBC "GLIBC_2.12"
#elif defined(__aarch64__)
#define TAILRACE_BASE_GLIBC "GLIBC_2.17"
#define TAILRACE_SETNAME_GLIBC "GLIBC_2.17"
#else
#error "the symbol versions of this architecture are not known here: build without TAILRACE_GLIBC_FLOOR"
#endif

/** Declares old_<name> as the named version of <name>, and __wrap_<name>, which calls it. */
#define TAILRACE_FORWARD(version, result, name, parameters, arguments) \
  __asm__(".symver old_" #name ", " #name "@" version);                \
  extern "C" result old_##name parameters;                             \
  extern "C" result __wrap_##name parameters { return old_##name arguments; }

TAILRACE_FORWARD(TAILRACE_BASE_GLIBC, int, pthread_create,
                 (pthread_t * thread, const pthread_attr_t* attributes, void* (*start)(void*),
                  void* argument),
                 (thread, attributes, start, argument))
TAILRACE_FORWARD(TAILRACE_BASE_GLIBC, int, pthread_detach, (pthread_t thread), (thread))
TAILRACE_FORWARD(TAILRACE_BASE_GLIBC, int, pthread_join, (pthread_t thread, void** result), (thread, result))
TAILRACE_FORWARD(TAILRACE_BASE_GLIBC, int, pthread_once, (pthread_once_t * once, void (*init)()),
                 (once, init))
TAILRACE_FORWARD(TAILRACE_BASE_GLIBC, int, pthread_key_create, (pthread_key_t * key, void (*destroy)(void*)),
                 (key, destroy))
TAILRACE_FORWARD(TAILRACE_BASE_GLIBC, int, __pthread_key_create,
                 (pthread_key_t * key, void (*destroy)(void*)), (key, destroy))
TAILRACE_FORWARD(TAILRACE_BASE_GLIBC, int, pthread_key_delete, (pthread_key_t key), (key))
TAILRACE_FORWARD(TAILRACE_BASE_GLIBC, void*, pthread_getspecific, (pthread_key_t key), (key))
TAILRACE_FORWARD(TAILRACE_BASE_GLIBC, int, pthread_setspecific, (pthread_key_t key, const void* value),
                 (key, value))
TAILRACE_FORWARD(TAILRACE_BASE_GLIBC, int, pthread_attr_setstacksize,
                 (pthread_attr_t * attributes, size_t bytes), (attributes, bytes))
TAILRACE_FORWARD(TAILRACE_SETNAME_GLIBC, int, pthread_setname_np, (pthread_t thread, const char* name),
                 (thread, name))
TAILRACE_FORWARD(TAILRACE_BASE_GLIBC, int, pthread_sigmask, (int how, const sigset_t* set, sigset_t* old),
                 (how, set, old))
TAILRACE_FORWARD(TAILRACE_BASE_GLIBC, double, pow, (double base, double exponent), (base, exponent))
TAILRACE_FORWARD(TAILRACE_BASE_GLIBC, double, exp, (double value), (value))
TAILRACE_FORWARD(TAILRACE_BASE_GLIBC, double, log, (double value), (value))

extern "C" {

// 2.32. libstdc++ skips atomics where it says true; "not single-threaded" is always right.
char __wrap___libc_single_threaded = 0;

// 2.35. The unwinder's quick way to a frame's tables. "Not found" ends a throw in std::terminate, which is
// where a throw ends in this addon anyway: it is built without exceptions.
int __wrap__dl_find_object(void*, void*) { return -1; }

// 2.36. libstdc++'s random_device; getentropy has been there since 2.25.
uint32_t __wrap_arc4random() {
  uint32_t value = 0;
  if (getentropy(&value, sizeof(value)) != 0) abort();
  return value;
}

}  // extern "C"

#endif
