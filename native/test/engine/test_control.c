// The control side: what is refused and why, ports, files, and many streams that come and go.
#include <sys/resource.h>
#include <unistd.h>

#include "support.h"
#include "tm_test.h"

static void refused(void)
{
  tm_engine *engine = support_engine();
  tm_error error = {.status = TM_ENGINE_OK};
  uint32_t id = 0;
  CHECK(engine != NULL);
  tm_stream_options options = {.address = "127.0.0.1"};
  options.address = "localhost";
  CHECK_INT(tm_stream_open(engine, &options, &id, &error), TM_ENGINE_ADDRESS);
  options.address = "192.0.2.1";
  CHECK_INT(tm_stream_open(engine, &options, &id, &error), TM_ENGINE_ADDRESS);
  options.address = "127.0.0.1";
  options.capture = support_file("/nonexistent.wav");
  CHECK_INT(tm_stream_open(engine, &options, &id, &error), TM_ENGINE_FILE);
  CHECK(strstr(error.text, "/nonexistent.wav") != NULL);
  options.capture = support_device("no-such-device");
  CHECK_INT(tm_stream_open(engine, &options, &id, &error), TM_ENGINE_DEVICE);
  options.capture = support_tone(9000);
  CHECK_INT(tm_stream_open(engine, &options, &id, &error), TM_ENGINE_ARGUMENT);
  options.capture = support_null();
  options.playback = support_file("/nonexistent/folder.wav");
  CHECK_INT(tm_stream_open(engine, &options, &id, &error), TM_ENGINE_FILE);

  id = support_open(engine, support_null(), support_null());
  tm_stream_config good = support_config(TM_CODEC_NAME_PCMU, 4000), bad = good;
  bad.codec = (tm_codec_name)9;
  CHECK_INT(tm_stream_configure(engine, id, &bad, &error), TM_ENGINE_CODEC);
  bad = good;
  bad.remote_address = "::1";
  CHECK_INT(tm_stream_configure(engine, id, &bad, &error), TM_ENGINE_ADDRESS);
  bad = good;
  bad.dtmf_payload_type = bad.dtmf_receive_payload_type = 0;
  bad.dtmf_clock_rate = 8000;
  CHECK_INT(tm_stream_configure(engine, id, &bad, &error), TM_ENGINE_ARGUMENT);
  CHECK_INT(tm_stream_send_dtmf(engine, id, "1", 0, 0, &error), TM_ENGINE_ARGUMENT);
  CHECK_INT(tm_stream_configure(engine, id, &good, &error), TM_ENGINE_OK);
  CHECK_INT(tm_stream_send_dtmf(engine, id, "1", 0, 0, &error), TM_ENGINE_ARGUMENT);
  good.dtmf_payload_type = good.dtmf_receive_payload_type = 101;
  good.dtmf_clock_rate = 8000;
  CHECK_INT(tm_stream_configure(engine, id, &good, &error), TM_ENGINE_OK);
  CHECK_INT(tm_stream_send_dtmf(engine, id, "1x", 0, 0, &error), TM_ENGINE_ARGUMENT);
  CHECK_INT(tm_stream_send_dtmf(engine, id, "1", 0, 0, &error), TM_ENGINE_OK);
  CHECK_INT(tm_stream_close(engine, id), TM_ENGINE_OK);
  CHECK_INT(tm_stream_configure(engine, id, &good, &error), TM_ENGINE_ARGUMENT);
  tm_engine_destroy(engine);
}

static void port_range(void)
{
  tm_engine *engine = support_engine();
  tm_error error;
  tm_event event;
  uint32_t ids[4] = {0}, id = 0;
  // An odd beginning: the first even port above it counts. Three pairs fit.
  tm_stream_options options = {.address = "127.0.0.1", .port_from = 28001, .port_to = 28007};
  for (int i = 0; i < 3; i++) {
    CHECK_INT(tm_stream_open(engine, &options, &ids[i], &error), TM_ENGINE_OK);
    CHECK_INT(tm_stream_port(engine, ids[i]) % 2, 0);
    CHECK_RANGE(tm_stream_port(engine, ids[i]), 28002, 28006);
  }
  CHECK_INT(tm_stream_open(engine, &options, &id, &error), TM_ENGINE_PORTS);
  CHECK_INT(tm_stream_close(engine, ids[1]), TM_ENGINE_OK);
  CHECK(support_event(engine, TM_EVENT_CLOSED, &event, 1000));
  CHECK_INT(tm_stream_open(engine, &options, &id, &error), TM_ENGINE_OK);
  options.port_from = 28005;
  options.port_to = 28006;
  CHECK_INT(tm_stream_open(engine, &options, &id, &error), TM_ENGINE_PORTS);
  tm_engine_destroy(engine);
}

static void full_disk(void)
{
  enum { LIMIT = 32 * 1024 };  // one second of sound
  tm_engine *engine = support_engine();
  tm_event event;
  tm_error error;
  tm_stream_stats stats;
  struct rlimit before, small;
  char path[SUPPORT_PATH];
  uint32_t refused_id = 0;
  tm_stream_options options = {.address = "127.0.0.1", .playback = support_file("/dev/full")};
  CHECK_INT(tm_stream_open(engine, &options, &refused_id, &error), TM_ENGINE_FILE);
  CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
  small = (struct rlimit){.rlim_cur = LIMIT, .rlim_max = before.rlim_max};
  support_path(path, "full.wav");
  uint32_t id = support_open(engine, support_tone(440), support_file(path));
  CHECK(id != 0);
  tm_stream_config config = support_config(TM_CODEC_NAME_PCMU, tm_stream_port(engine, id));
  CHECK_INT(tm_stream_configure(engine, id, &config, NULL), TM_ENGINE_OK);
  CHECK_INT(setrlimit(RLIMIT_FSIZE, &small), 0);
  bool told = support_event(engine, TM_EVENT_TROUBLE, &event, 3000);
  bool again = support_event(engine, TM_EVENT_TROUBLE, &event, 300);
  tm_stream_stats_get(engine, id, &stats);
  uint64_t sent = stats.packets_sent;
  support_sleep(100);
  tm_stream_stats_get(engine, id, &stats);
  tm_engine_destroy(engine);
  CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
  CHECK(told);
  CHECK(!again);
  CHECK_INT(event.error.status, TM_ENGINE_FILE);
  CHECK(stats.packets_sent > sent);
  // What was written before is a valid file.
  CHECK_RANGE(support_level(path, 440, 300, 100), -14, -10.5);
  unlink(path);
}

static void ipv6(void)
{
  tm_engine *engine = support_engine();
  tm_error error;
  tm_event event;
  uint32_t a = 0, b = 0;
  tm_stream_options options = {.address = "::1", .capture = support_tone(440)};
  CHECK_INT(tm_stream_open(engine, &options, &a, &error), TM_ENGINE_OK);
  CHECK_INT(tm_stream_open(engine, &options, &b, &error), TM_ENGINE_OK);
  tm_stream_config config = support_config(TM_CODEC_NAME_PCMU, tm_stream_port(engine, b));
  config.remote_address = "::1";
  CHECK_INT(tm_stream_configure(engine, a, &config, &error), TM_ENGINE_OK);
  config.remote_port = tm_stream_port(engine, a);
  CHECK_INT(tm_stream_configure(engine, b, &config, &error), TM_ENGINE_OK);
  CHECK(support_event(engine, TM_EVENT_FIRST_PACKET, &event, 1000));
  tm_engine_destroy(engine);
}

// Streams open, change and close at random while others talk: for the sanitizers.
static void stress(void)
{
  enum { STREAMS = 24, ROUNDS = 400 };
  tm_engine *engine = support_engine();
  uint32_t ids[STREAMS] = {0};
  char paths[STREAMS][SUPPORT_PATH];
  unsigned random = 1;
  tm_event event;
  tm_stream_stats stats;
  for (int i = 0; i < STREAMS; i++) support_path(paths[i], "stress.wav");
  for (int round = 0; round < ROUNDS; round++) {
    random = random * 1103515245u + 12345u;
    unsigned at = random >> 16 & 0xff, what = random >> 24 & 7;
    unsigned slot = at % STREAMS;
    if (!ids[slot]) {
      ids[slot] = support_open(engine, support_tone(300 + at), slot % 3 ? support_null() : support_file(paths[slot]));
      CHECK(ids[slot] != 0);
    } else if (what == 0) {
      CHECK_INT(tm_stream_close(engine, ids[slot]), TM_ENGINE_OK);
      ids[slot] = 0;
    } else {
      uint32_t to = ids[(slot + 1) % STREAMS] ? ids[(slot + 1) % STREAMS] : ids[slot];
      tm_stream_config config = support_config((tm_codec_name)(what % 3), tm_stream_port(engine, to));
      config.send = what != 5;
      config.receive = what != 6;
      config.ptime_ms = (uint16_t)(20 * (1 + what % 3));
      config.dtmf_payload_type = config.dtmf_receive_payload_type = 101;
      config.dtmf_clock_rate = 8000;
      CHECK_INT(tm_stream_configure(engine, ids[slot], &config, NULL), TM_ENGINE_OK);
      CHECK_INT(tm_stream_send_dtmf(engine, ids[slot], "1", 0, 0, NULL), TM_ENGINE_OK);
      CHECK_INT(tm_stream_stats_get(engine, ids[slot], &stats), TM_ENGINE_OK);
    }
    while (tm_engine_next_event(engine, &event)) continue;
    support_sleep(3);
  }
  tm_engine_destroy(engine);
  for (int i = 0; i < STREAMS; i++) unlink(paths[i]);
}

int main(void)
{
  tm_test_run("what is refused, and as what", refused);
  tm_test_run("port pairs in a range, until none is free", port_range);
  tm_test_run("full disk: told once, the stream goes on", full_disk);
  tm_test_run("IPv6", ipv6);
  tm_test_run("streams open, change and close while others talk", stress);
  return tm_test_end();
}
