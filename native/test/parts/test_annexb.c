// H.264 Annex B files: access units and their times.
#include "tm_annexb.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tm_video_fixture.h"

static tm_fixture stream;
static tm_annexb_reader *reader;
static tm_annexb_frame unit;

static void begin(const char *file, tm_annexb_options options) {
  tm_annexb_close(reader);
  reader = NULL;
  if (tm_annexb_open(tm_fixture_path(file), &options, &reader) != TM_OK) abort();
}

// The access units of a file add up to the file.
static void whole_files(void) {
  static const struct {
    const char *file;
    size_t units, keys;
    uint32_t millifps;
  } FILES[] = {{"baseline.h264", 12, 2, 15000},
               {"aud-slices.h264", 12, 2, 15000},
               {"high.h264", 12, 1, 25000},
               {"high422-interlaced.h264", 4, 1, 30000},
               {"high444.h264", 3, 1, 29970}};
  for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
    size_t units = 0, keys = 0, at = 0;
    CHECK(tm_fixture_load(&stream, FILES[i].file));
    begin(FILES[i].file, (tm_annexb_options){0});
    CHECK_INT(tm_annexb_millifps(reader), FILES[i].millifps);
    while (tm_annexb_next(reader, &unit) == TM_OK) {
      CHECK(at + unit.bytes <= stream.bytes);
      CHECK_BYTES(unit.data, stream.data + at, unit.bytes);
      CHECK(unit.key == unit.has_sps);
      at += unit.bytes;
      units++;
      keys += unit.key;
    }
    printf("# %s: %zu units, %zu keys, %zu of %zu octets\n", FILES[i].file, units, keys, at, stream.bytes);
    CHECK_INT(at, stream.bytes);
    if (i != 3) CHECK_INT(units, FILES[i].units); // fields are units of their own
    CHECK_INT(keys, FILES[i].keys);
  }
}

static void times(void) {
  begin("baseline.h264", (tm_annexb_options){.loop = true});
  for (uint64_t i = 0; i < 30; i++) {
    CHECK_INT(tm_annexb_next(reader, &unit), TM_OK);
    CHECK_INT(unit.time_us, i * 1000000 / 15);
    CHECK_INT(unit.timestamp, i * 6000);
    CHECK_INT(unit.key, i % 12 % 6 == 0);
  }
  CHECK_INT(tm_annexb_rewind(reader), TM_OK);
  CHECK_INT(tm_annexb_next(reader, &unit), TM_OK);
  CHECK(unit.key);
  CHECK_INT(unit.time_us, 2000000);
  begin("baseline.h264", (tm_annexb_options){.millifps = 20000});
  CHECK_INT(tm_annexb_next(reader, &unit), TM_OK);
  CHECK_INT(tm_annexb_next(reader, &unit), TM_OK);
  CHECK_INT(unit.time_us, 50000);
  CHECK_INT(tm_annexb_sps(reader)->width, 176);
}

static void refused(void) {
  tm_annexb_reader *none = NULL;
  CHECK_INT(tm_annexb_open("/nowhere/at/all", &(tm_annexb_options){0}, &none), TM_ERR_NOT_FOUND);
  CHECK_INT(tm_annexb_open(tm_fixture_path("README.md"), &(tm_annexb_options){0}, &none), TM_ERR_MALFORMED);
  CHECK_INT(tm_annexb_open(tm_fixture_path("baseline.h264"), &(tm_annexb_options){.millifps = 999999}, &none), TM_ERR_ARGUMENT);
  CHECK(none == NULL);
}

// Many octets, so that the reader has to read on in the middle of units; a unit beyond the bound is told.
static void large(void) {
  char path[] = "/tmp/tm-annexb-XXXXXX";
  int fd = mkstemp(path);
  CHECK(fd >= 0);
  close(fd);
  tm_annexb_writer *writer = NULL;
  CHECK_INT(tm_annexb_create(path, &writer), TM_OK);
  static uint8_t slice[50000] = {0, 0, 1, 0x65, 0x88};
  memset(slice + 5, 0x44, sizeof slice - 5);
  for (int i = 0; i < 40; i++) {
    slice[5] = (uint8_t)(i % 2 == 0 ? 0x44 : 0x48);
    CHECK_INT(tm_annexb_write(writer, slice, sizeof slice), TM_OK);
  }
  CHECK_INT(tm_annexb_written(writer), 40 * sizeof slice);
  CHECK_INT(tm_annexb_finish(writer), TM_OK);
  tm_annexb_reader *r = NULL;
  CHECK_INT(tm_annexb_open(path, &(tm_annexb_options){.max_frame = 60000}, &r), TM_OK);
  size_t units = 0;
  while (tm_annexb_next(r, &unit) == TM_OK) {
    CHECK_INT(unit.bytes, sizeof slice);
    units++;
  }
  CHECK_INT(units, 40);
  tm_annexb_close(r);
  FILE *file = fopen(path, "wb"); // one slice without end
  CHECK(file != NULL);
  fwrite(slice, 1, sizeof slice, file);
  for (int i = 0; i < 10; i++) fwrite(slice + 8, 1, sizeof slice - 8, file);
  fclose(file);
  tm_status status = tm_annexb_open(path, &(tm_annexb_options){.max_frame = 60000}, &r);
  unlink(path);
  CHECK_INT(status, TM_ERR_SPACE);
}

static void full_disk(void) {
  tm_annexb_writer *writer = NULL;
  if (tm_annexb_create("/dev/full", &writer) != TM_OK) return; // not on every system
  CHECK_INT(tm_annexb_write(writer, (const uint8_t *)"abcd", 4), TM_ERR_DISK_FULL);
  CHECK_INT(tm_annexb_write(writer, (const uint8_t *)"abcd", 4), TM_ERR_DISK_FULL);
  CHECK_INT(tm_annexb_finish(writer), TM_ERR_DISK_FULL);
  CHECK_INT(tm_annexb_create("/nowhere/at/all", &writer), TM_ERR_NOT_FOUND);
  CHECK_INT(errno, ENOENT);
}

// One that nobody writes or reads would hang whoever opens it.
static void no_file(void) {
  char path[64];
  tm_annexb_reader *r = NULL;
  tm_annexb_writer *w = NULL;
  snprintf(path, sizeof path, "/tmp/tm_annexb_%d.fifo", (int)getpid());
  CHECK_INT(mkfifo(path, 0600), 0);
  CHECK_INT(tm_annexb_open(path, &(tm_annexb_options){.loop = true}, &r), TM_ERR_ACCESS);
  CHECK_INT(tm_annexb_create(path, &w), TM_ERR_ACCESS);
  int other_end = open(path, O_RDONLY | O_NONBLOCK); // read by somebody it opens, and is refused all the same
  CHECK_INT(tm_annexb_create(path, &w), TM_ERR_ACCESS);
  close(other_end);
  unlink(path);
  CHECK_INT(tm_annexb_open("/tmp", &(tm_annexb_options){.loop = true}, &r), TM_ERR_ACCESS);
  CHECK_INT(tm_annexb_create("/tmp", &w), TM_ERR_ACCESS);
  CHECK_INT(tm_annexb_open("/dev/zero", &(tm_annexb_options){.loop = true}, &r), TM_ERR_ACCESS);
}

int main(void) {
  tm_test_run("access units add up to the file", whole_files);
  tm_test_run("times by VUI, setting, over loops", times);
  tm_test_run("what is no stream is refused", refused);
  tm_test_run("large files are read in pieces, units bounded", large);
  tm_test_run("a full disk is told and stays", full_disk);
  tm_test_run("pipes, folders and devices are refused, at once", no_file);
  tm_annexb_close(reader);
  return tm_test_end();
}
