// WAV reader and writer, with files that lie, a killed writer and a full disk.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tm_test.h"
#include "tm_wav.h"

static char folder[] = "/tmp/tm-wav-XXXXXX";
static char path[sizeof folder + 16];

// clang-format off
static const uint8_t STEREO[] = {
  'R', 'I', 'F', 'F', 60, 0, 0, 0, 'W', 'A', 'V', 'E',
  'L', 'I', 'S', 'T', 3, 0, 0, 0, 'a', 'b', 'c', 0, // odd chunk, padded to an even place
  'f', 'm', 't', ' ', 16, 0, 0, 0,
  1, 0,             // PCM
  2, 0,             // stereo
  0x44, 0xAC, 0, 0, // 44100 Hz
  0x10, 0xB1, 2, 0, // 176400 octets a second
  4, 0, 16, 0,      // 4 octets a frame, 16 bits
  'd', 'a', 't', 'a', 8, 0, 0, 0,
  100, 0, 200, 0,           // left 100, right 200
  0x00, 0x80, 0x00, 0x80,   // both -32768
  9, 9,                     // more that does not belong to it
};
// clang-format on

static void put(const void *data, size_t bytes) {
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file < 0 || write(file, data, bytes) != (ssize_t)bytes) abort();
  close(file);
}

static void stereo(void) {
  put(STEREO, sizeof STEREO);
  tm_wav_reader *reader = NULL;
  CHECK_INT(tm_wav_open(path, false, &reader), TM_OK);
  CHECK_INT(tm_wav_rate(reader), 44100);
  CHECK_INT(tm_wav_channels(reader), 2);
  CHECK_INT(tm_wav_length(reader), 2);
  int16_t pcm[8];
  size_t got = 0;
  CHECK_INT(tm_wav_read(reader, pcm, 8, &got), TM_OK);
  CHECK_INT(got, 2);
  CHECK_INT(pcm[0], 150);
  CHECK_INT(pcm[1], -32768);
  CHECK_INT(tm_wav_read(reader, pcm, 8, &got), TM_ERR_END);
  CHECK_INT(got, 0);
  tm_wav_reader_close(reader);
}

static void looping(void) {
  put(STEREO, sizeof STEREO);
  tm_wav_reader *reader = NULL;
  int16_t pcm[1001];
  size_t got = 0;
  CHECK_INT(tm_wav_open(path, true, &reader), TM_OK);
  CHECK_INT(tm_wav_read(reader, pcm, 1001, &got), TM_OK);
  CHECK_INT(got, 1001);
  for (int i = 0; i < 1001; i++) CHECK_INT(pcm[i], i % 2 ? -32768 : 150);
  tm_wav_reader_close(reader);
}

static void every_cut(void) {
  for (size_t bytes = 0; bytes < sizeof STEREO - 10; bytes++) {
    put(STEREO, bytes);
    tm_wav_reader *reader = NULL;
    tm_status status = tm_wav_open(path, false, &reader);
    CHECK(status == TM_ERR_TRUNCATED || status == TM_ERR_END);
    CHECK(reader == NULL);
  }
  put(STEREO, sizeof STEREO - 6); // one frame of the two promised is there
  tm_wav_reader *reader = NULL;
  CHECK_INT(tm_wav_open(path, false, &reader), TM_OK);
  CHECK_INT(tm_wav_length(reader), 1);
  tm_wav_reader_close(reader);
}

static tm_status open_changed(size_t at, uint8_t value) {
  uint8_t data[sizeof STEREO];
  memcpy(data, STEREO, sizeof data);
  data[at] = value;
  put(data, sizeof data);
  tm_wav_reader *reader = NULL;
  tm_status status = tm_wav_open(path, false, &reader);
  tm_wav_reader_close(reader);
  return status;
}

static void hostile_headers(void) {
  CHECK_INT(open_changed(0, 'X'), TM_ERR_MALFORMED);
  CHECK_INT(open_changed(8, 'X'), TM_ERR_MALFORMED);
  CHECK_INT(open_changed(19, 0xFF), TM_ERR_TRUNCATED);  // chunk of 4 GiB
  CHECK_INT(open_changed(28, 2), TM_ERR_MALFORMED);     // fmt too short
  CHECK_INT(open_changed(32, 3), TM_ERR_UNSUPPORTED);   // floating point
  CHECK_INT(open_changed(34, 0), TM_ERR_UNSUPPORTED);   // no channels
  CHECK_INT(open_changed(35, 1), TM_ERR_UNSUPPORTED);   // 258 channels
  CHECK_INT(open_changed(39, 0xFF), TM_ERR_UNSUPPORTED); // 4 GHz
  CHECK_INT(open_changed(44, 3), TM_ERR_MALFORMED);     // frame size that contradicts the channels
  CHECK_INT(open_changed(46, 8), TM_ERR_UNSUPPORTED);   // 8 bits
  CHECK_INT(open_changed(48, 'D'), TM_ERR_TRUNCATED);   // no data chunk
  CHECK_INT(open_changed(53, 1), TM_OK);                // more sound promised than there is
  CHECK_INT(open_changed(52, 0), TM_OK);                // 0: up to the end, as a killed writer leaves it
}

static void endless_chunks(void) {
  uint8_t data[12 + 8 * 1000];
  memcpy(data, STEREO, 12);
  for (size_t at = 12; at < sizeof data; at += 8) memcpy(data + at, "junk\0\0\0\0", 8);
  put(data, sizeof data);
  tm_wav_reader *reader = NULL;
  CHECK_INT(tm_wav_open(path, false, &reader), TM_ERR_MALFORMED);
}

static void random_headers(void) {
  tm_random random = {17};
  for (int round = 0; round < 3000; round++) {
    uint8_t data[sizeof STEREO];
    memcpy(data, STEREO, sizeof data);
    for (uint32_t change = tm_random_below(&random, 6); change > 0; change--) {
      data[tm_random_below(&random, sizeof data)] = (uint8_t)tm_random_u32(&random);
    }
    put(data, sizeof data);
    tm_wav_reader *reader = NULL;
    if (tm_wav_open(path, true, &reader) != TM_OK) continue;
    int16_t pcm[50];
    size_t got = 0;
    CHECK_INT(tm_wav_read(reader, pcm, 50, &got), TM_OK);
    CHECK_INT(got, 50);
    tm_wav_reader_close(reader);
  }
}

static void wrong_paths(void) {
  tm_wav_reader *reader = NULL;
  tm_wav_writer *writer = NULL;
  CHECK_INT(tm_wav_open("/nonexistent/a.wav", false, &reader), TM_ERR_NOT_FOUND);
  CHECK_INT(tm_wav_open("/tmp", false, &reader), TM_ERR_ACCESS);
  CHECK_INT(tm_wav_create("/nonexistent/a.wav", 8000, &writer), TM_ERR_NOT_FOUND);
  CHECK_INT(tm_wav_create("/tmp", 8000, &writer), TM_ERR_ACCESS);
  CHECK_INT(tm_wav_create(path, 1, &writer), TM_ERR_ARGUMENT);
  unlink(path);
  CHECK_INT(mkfifo(path, 0600), 0);
  CHECK_INT(tm_wav_open(path, false, &reader), TM_ERR_ACCESS); // does not wait for a writer
  unlink(path);
}

static void written_and_read(void) {
  tm_wav_writer *writer = NULL;
  tm_wav_reader *reader = NULL;
  static int16_t pcm[16000];
  static int16_t back[16000];
  for (int i = 0; i < 16000; i++) pcm[i] = (int16_t)(i * 7 - 30000);
  CHECK_INT(tm_wav_create(path, 16000, &writer), TM_OK);
  for (size_t at = 0; at < 16000; at += 320) CHECK_INT(tm_wav_write(writer, pcm + at, 320), TM_OK);
  CHECK_INT(tm_wav_written(writer), 16000);
  CHECK_INT(tm_wav_writer_close(writer), TM_OK);
  CHECK_INT(tm_wav_open(path, false, &reader), TM_OK);
  CHECK_INT(tm_wav_rate(reader), 16000);
  CHECK_INT(tm_wav_length(reader), 16000);
  size_t got = 0;
  CHECK_INT(tm_wav_read(reader, back, 16000, &got), TM_OK);
  CHECK_INT(got, 16000);
  CHECK_BYTES(back, pcm, sizeof pcm);
  tm_wav_reader_close(reader);
}

static void killed_writer(void) {
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    tm_wav_writer *writer = NULL;
    int16_t pcm[160] = {1};
    if (tm_wav_create(path, 8000, &writer) == TM_OK) {
      for (int tick = 0; tick < 125; tick++) tm_wav_write(writer, pcm, 160); // 2.5 s
    }
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  tm_wav_reader *reader = NULL;
  CHECK_INT(tm_wav_open(path, false, &reader), TM_OK);
  CHECK_INT(tm_wav_length(reader), 2 * 8000); // the header tells of the last whole second
  tm_wav_reader_close(reader);
}

static void full_disk(void) {
  // The file may grow to 10000 octets and no further.
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit before;
  CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit small = {.rlim_cur = 10000, .rlim_max = before.rlim_max};
  tm_wav_writer *writer = NULL;
  int16_t pcm[160] = {0};
  CHECK_INT(tm_wav_create(path, 8000, &writer), TM_OK);
  CHECK_INT(setrlimit(RLIMIT_FSIZE, &small), 0);
  tm_status status = TM_OK;
  for (int tick = 0; tick < 100 && status == TM_OK; tick++) status = tm_wav_write(writer, pcm, 160);
  int cause = errno;
  tm_status again = tm_wav_write(writer, pcm, 160);
  tm_status closed = tm_wav_writer_close(writer);
  CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
  CHECK_INT(status, TM_ERR_DISK_FULL);
  CHECK_INT(cause, EFBIG);
  CHECK_INT(again, TM_ERR_DISK_FULL);
  CHECK_INT(closed, TM_ERR_DISK_FULL);
  tm_wav_reader *reader = NULL;
  CHECK_INT(tm_wav_open(path, false, &reader), TM_OK);
  CHECK_INT(tm_wav_length(reader), (10000 - 44) / 2);
  tm_wav_reader_close(reader);
}

static void device_without_space(void) {
  tm_wav_writer *writer = NULL;
  CHECK_INT(tm_wav_create("/dev/full", 8000, &writer), TM_ERR_DISK_FULL);
  CHECK_INT(errno, ENOSPC);
  CHECK(writer == NULL);
}

static void cut_while_read(void) {
  tm_wav_writer *writer = NULL;
  tm_wav_reader *reader = NULL;
  static int16_t pcm[40000];
  CHECK_INT(tm_wav_create(path, 8000, &writer), TM_OK);
  CHECK_INT(tm_wav_write(writer, pcm, 40000), TM_OK);
  CHECK_INT(tm_wav_writer_close(writer), TM_OK);
  CHECK_INT(tm_wav_open(path, true, &reader), TM_OK);
  size_t got = 0;
  CHECK_INT(tm_wav_read(reader, pcm, 100, &got), TM_OK);
  CHECK_INT(truncate(path, 44), 0);
  CHECK_INT(tm_wav_read(reader, pcm, 40000, &got), TM_OK); // what was buffered
  CHECK_INT(tm_wav_read(reader, pcm, 40000, &got), TM_ERR_END);
  tm_wav_reader_close(reader);
}

int main(void) {
  if (mkdtemp(folder) == NULL) return 1;
  snprintf(path, sizeof path, "%s/a.wav", folder);
  tm_test_run("a stereo file with foreign chunks is mixed to mono", stereo);
  tm_test_run("a file can loop without end", looping);
  tm_test_run("a file cut anywhere is refused or read as far as it goes", every_cut);
  tm_test_run("hostile headers are refused", hostile_headers);
  tm_test_run("chunks without end are refused", endless_chunks);
  tm_test_run("3000 damaged headers are survived", random_headers);
  tm_test_run("wrong paths, folders and pipes are told apart", wrong_paths);
  tm_test_run("what was written is read back", written_and_read);
  tm_test_run("a killed writer leaves a valid file", killed_writer);
  tm_test_run("a full disk is told, and the file stays valid", full_disk);
  tm_test_run("a device without space is told at once", device_without_space);
  tm_test_run("a file cut while it is read ends", cut_while_read);
  unlink(path);
  rmdir(folder);
  return tm_test_end();
}
