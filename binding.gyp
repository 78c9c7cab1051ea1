{
  "targets": [
    {
      "target_name": "tandem_media",
      "sources": [
        "<!@(ls native/binding/*.c native/engine/*.c native/alsa/*.c native/media/*.c $(ls native/video/*.c native/room/*.c native/room/*.cc 2>/dev/null))"
      ],
      "include_dirs": ["native/media", "native/engine", "native/alsa", "native/video", "native/room"],
      "defines": ["_GNU_SOURCE"],
      "cflags_c": ["-std=c11", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
      "cflags_cc": ["-std=c++17", "-Wall", "-Wextra", "-fvisibility=hidden", "<!@(pkg-config --cflags webrtc-audio-processing-1 2>/dev/null || pkg-config --cflags webrtc-audio-processing)"],
      "libraries": [
        "-lasound", "-lopencore-amrnb", "-lopencore-amrwb", "-lvo-amrwbenc", "-lopus", "-lsrtp2", "-lopenh264", "-ljpeg", "-lspeexdsp",
        "<!@(pkg-config --libs webrtc-audio-processing-1 2>/dev/null || pkg-config --libs webrtc-audio-processing)", "-lm", "-pthread"
      ]
    }
  ]
}
