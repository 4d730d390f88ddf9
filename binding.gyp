# The build that ships. Sources and ISA flags come from native/sources.json, which CMakeLists.txt reads too.
# Each instruction set is a static library of its own, so that its flags reach its kernels and nothing else.
{
  'target_defaults': {
    'include_dirs': ['native'],
    'defines': ['NDEBUG'],
    # Floating-point results are part of the contract: no fused multiply-add unless a kernel asks for one.
    'cflags_cc': ['-std=c++17', '-O3', '-ffp-contract=off', '-fvisibility=hidden', '-Wall', '-Wextra'],
    'xcode_settings': {
      'CLANG_CXX_LANGUAGE_STANDARD': 'c++17',
      'CLANG_CXX_LIBRARY': 'libc++',
      'GCC_OPTIMIZATION_LEVEL': '3',
      'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
      'MACOSX_DEPLOYMENT_TARGET': '11.0',
      'OTHER_CPLUSPLUSFLAGS': ['-ffp-contract=off', '-Wall', '-Wextra'],
    },
    'msvs_settings': {
      'VCCLCompilerTool': {
        'AdditionalOptions': ['/std:c++17', '/O2', '/fp:precise', '/W3'],
      },
    },
  },
  'conditions': [
    ['target_arch=="x64"', {
      'targets': [
        { 'target_name': 'avx2', 'includes': ['native/isa.gypi'] },
        { 'target_name': 'avx512', 'includes': ['native/isa.gypi'] },
        { 'target_name': 'avx512vnni', 'includes': ['native/isa.gypi'] },
        { 'target_name': 'avx512vbmi', 'includes': ['native/isa.gypi'] },
      ],
    }],
    ['target_arch=="arm64"', {
      'targets': [
        { 'target_name': 'neon', 'includes': ['native/isa.gypi'] },
        { 'target_name': 'neondot', 'includes': ['native/isa.gypi'] },
        { 'target_name': 'neoni8mm', 'includes': ['native/isa.gypi'] },
      ],
    }],
  ],
  'targets': [
    {
      'target_name': 'octensor',
      'sources': [
        "<!@(node -p \"require('./native/sources.json').common.join(' ')\")",
        "<!@(node -p \"require('./native/sources.json').binding.join(' ')\")",
      ],
      'include_dirs': ["<!(node -p \"require('node-addon-api').include_dir\")"],
      'defines': ['NAPI_VERSION=8', 'NAPI_DISABLE_CPP_EXCEPTIONS', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS'],
      'conditions': [
        ['OS=="linux"', { 'cflags_cc': ['-pthread'], 'ldflags': ['-pthread', '-Wl,--as-needed'] }],
        ['target_arch=="x64"', { 'dependencies': ['avx2', 'avx512', 'avx512vnni', 'avx512vbmi'] }],
        ['target_arch=="arm64"', { 'dependencies': ['neon', 'neondot', 'neoni8mm'] }],
      ],
    },
  ],
}
