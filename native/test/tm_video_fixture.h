// Streams of native/test/fixtures for the video tests, and octets of NAL units compared.
#ifndef TM_VIDEO_FIXTURE_H
#define TM_VIDEO_FIXTURE_H

#include "tm_annexb.h"
#include "tm_nal.h"
#include "tm_test.h"

typedef struct tm_fixture {
  uint8_t data[65536];
  size_t bytes;
} tm_fixture;

static inline const char *tm_fixture_path(const char *name) {
  static char path[1024];
  const char *here = __FILE__; // .../native/test/tm_video_fixture.h
  snprintf(path, sizeof path, "%.*sfixtures/%s", (int)(strrchr(here, '/') - here + 1), here, name);
  return path;
}

static inline bool tm_fixture_load(tm_fixture *fixture, const char *name) {
  FILE *file = fopen(tm_fixture_path(name), "rb");
  if (file == NULL) return false;
  fixture->bytes = fread(fixture->data, 1, sizeof fixture->data, file);
  fclose(file);
  return fixture->bytes > 0;
}

// A stream's NAL units one after the other, delimiters and filler left out, behind equal start codes.
static inline size_t tm_fixture_plain(const uint8_t *data, size_t bytes, uint8_t *out) {
  tm_nal_scanner scanner;
  tm_nal nal;
  size_t at = 0;
  tm_nal_scan(&scanner, data, bytes);
  while (tm_nal_next(&scanner, &nal) == TM_OK) {
    if (nal.type == TM_NAL_AUD || nal.type == TM_NAL_FILLER) continue;
    memcpy(out + at, (const uint8_t[]){0, 0, 0, 1}, 4);
    memcpy(out + at + 4, nal.data, nal.bytes);
    at += 4 + nal.bytes;
  }
  return at;
}

#endif
