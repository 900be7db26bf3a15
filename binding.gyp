# The default build (node-gyp). The source list is native/sources.mjs; CMakeLists.txt reads the same one.
{
  'variables': {
    # node-gyp rebuild --sanitize=address|thread|undefined
    'sanitize%': '',
  },
  'targets': [{
    'target_name': 'tailrace',
    'sources': ['<!@(node native/sources.mjs addon)'],
    'include_dirs': ['native', '<!(node -p "require(\'node-addon-api\').include_dir")'],
    # SWALLOW: a worker that is terminated while it loads the addon can throw nothing any more, and that is no
    # reason to end the process
    'defines': [
      'NAPI_VERSION=9',
      'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
      'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      'NODE_ADDON_API_REQUIRE_BASIC_FINALIZERS',
    ],
    # node-gyp does not define it by itself: without it a release build would keep the core's debug checks.
    'configurations': {'Release': {'defines': ['NDEBUG']}},
    'cflags!': ['-O2'],
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-fexceptions'],
    'cflags_cc': [
      # Packing neighbouring fields into one register makes loads that are wider than the stores before them, and wait.
      '-fno-tree-slp-vectorize',
      '-std=c++20', '-O3', '-g1', '-fno-exceptions', '-fno-rtti', '-fvisibility=hidden', '-ffunction-sections',
      '-fdata-sections', '-Wall', '-Wextra', '-Wno-cast-function-type', '-fno-plt',
    ],
    'ldflags': ['-Wl,-z,nodelete', '-Wl,--exclude-libs,ALL', '-Wl,--gc-sections'],
    'conditions': [
      ['sanitize!=""', {
        'cflags_cc': ['-fsanitize=<(sanitize)', '-fno-omit-frame-pointer'],
        'ldflags': ['-fsanitize=<(sanitize)'],
      }, {
        # The wraps are those of native/sources.mjs; native/binding/glibc_floor.cc says what they are for.
        'defines': ['TAILRACE_GLIBC_FLOOR=1'],
        'ldflags': ['-static-libstdc++', '-static-libgcc', '<!@(node native/sources.mjs wraps)'],
      }],
    ],
  }],
}
