{
  "targets": [
    {
      "target_name": "tandem_media",
      "sources": [
        "<!@(ls native/binding/*.c native/engine/*.c native/alsa/*.c native/media/*.c)"
      ],
      "include_dirs": ["native/media", "native/engine", "native/alsa"],
      "defines": ["_GNU_SOURCE"],
      "cflags_c": ["-std=c11", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
      "libraries": ["-lasound", "-lopencore-amrwb", "-lvo-amrwbenc", "-lspeexdsp", "-lm", "-pthread"]
    }
  ]
}
