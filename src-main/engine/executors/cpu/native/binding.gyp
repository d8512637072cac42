{
  "target_defaults": {
    "cflags!": ["-fno-exceptions"],
    "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": ["-std=c++17", "-O3", "-Wall", "-Werror=switch", "-Wno-psabi", "-Wno-ignored-attributes", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-fvisibility=hidden"],
    # Windows: the kernels use vector types that MSVC's own compiler does not have, so clang-cl of the Visual Studio Build Tools compiles them.
    "msbuild_toolset": "ClangCL",
    "msvs_settings": {
      "VCCLCompilerTool": {
        "ExceptionHandling": 1,
        "AdditionalOptions": ["/std:c++17", "-O2", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-Wno-ignored-attributes"]
      }
    },
    "xcode_settings": {
      "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
      "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
      "GCC_OPTIMIZATION_LEVEL": "3",
      "OTHER_CPLUSPLUSFLAGS": ["-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math"]
    }
  },
  "targets": [
    {
      "target_name": "cpu",
      "sources": ["addon.cc", "program.cc", "memory.cc", "pool.cc", "baseline.cc"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_CPP_EXCEPTIONS_ALL", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "conditions": [["target_arch=='x64'", {"dependencies": ["kernels512", "kernels256", "kernels256wide"]}]]
    }
  ],
  "conditions": [
    ["target_arch=='x64'", {
      "targets": [
        {
          "target_name": "kernels512",
          "type": "static_library",
          "sources": ["avx512.cc"],
          "cflags_cc": ["-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mfma", "-mprefer-vector-width=512"],
          "msvs_settings": {"VCCLCompilerTool": {"AdditionalOptions": ["-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mfma"]}},
          "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mfma"]}
        },
        {
          "target_name": "kernels256",
          "type": "static_library",
          "sources": ["avx2.cc"],
          "cflags_cc": ["-mavx2", "-mfma"],
          "msvs_settings": {"VCCLCompilerTool": {"AdditionalOptions": ["-mavx2", "-mfma"]}},
          "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["-mavx2", "-mfma"]}
        },
        {
          # Only tests run it: quick to compile is better than quick.
          "target_name": "kernels256wide",
          "type": "static_library",
          "sources": ["avx2wide.cc"],
          "cflags_cc": ["-O1", "-mavx2", "-mfma"],
          "msvs_settings": {"VCCLCompilerTool": {"AdditionalOptions": ["-O1", "-mavx2", "-mfma"]}},
          "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["-O1", "-mavx2", "-mfma"]}
        }
      ]
    }]
  ]
}
