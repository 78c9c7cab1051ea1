// Two streams talk with each other: each hears the other's tone at its frequency and level, with every codec.
#include <unistd.h>

#include "support.h"
#include "tm_test.h"

enum { TALK_MS = 1500, LOOK_MS = 600 };

static void talk(tm_codec_name codec, bool octet_aligned, uint16_t ptime_ms)
{
  tm_engine *engine = support_engine();
  char path_a[SUPPORT_PATH], path_b[SUPPORT_PATH];
  tm_event event;
  CHECK(engine != NULL);
  support_path(path_a, "a.wav");
  support_path(path_b, "b.wav");
  uint32_t a = support_open(engine, support_tone(440), support_file(path_a));
  uint32_t b = support_open(engine, support_tone(1000), support_file(path_b));
  CHECK(a && b);
  tm_stream_config to_b = support_config(codec, tm_stream_port(engine, b));
  tm_stream_config to_a = support_config(codec, tm_stream_port(engine, a));
  to_a.octet_aligned = to_b.octet_aligned = octet_aligned;
  to_a.ptime_ms = to_b.ptime_ms = ptime_ms;
  CHECK_INT(tm_stream_configure(engine, a, &to_b, NULL), TM_ENGINE_OK);
  CHECK_INT(tm_stream_configure(engine, b, &to_a, NULL), TM_ENGINE_OK);
  CHECK(support_event(engine, TM_EVENT_FIRST_PACKET, &event, 1000));
  support_sleep(TALK_MS);
  tm_stream_stats stats;
  CHECK_INT(tm_stream_stats_get(engine, a, &stats), TM_ENGINE_OK);
  CHECK_INT(stats.packets_lost, 0);
  CHECK_RANGE(stats.packets_received, 0.8 * TALK_MS / ptime_ms, 1.2 * TALK_MS / ptime_ms + 2);
  CHECK_RANGE(stats.level_in_dbov, -13, -11);
  tm_engine_destroy(engine);
  CHECK_RANGE(support_level(path_a, 1000, LOOK_MS, 200), -14, -10.5);
  CHECK_RANGE(support_level(path_b, 440, LOOK_MS, 200), -14, -10.5);
  CHECK_RANGE(support_level(path_a, 440, LOOK_MS, 200), -200, -35);
  unlink(path_a);
  unlink(path_b);
}

static void pcmu(void) { talk(TM_CODEC_NAME_PCMU, false, 20); }
static void pcma_40(void) { talk(TM_CODEC_NAME_PCMA, false, 40); }
static void amr_wb_efficient(void) { talk(TM_CODEC_NAME_AMR_WB, false, 20); }
static void amr_wb_aligned_60(void) { talk(TM_CODEC_NAME_AMR_WB, true, 60); }

// Codec changed in mid-call, both sides: the sound goes on.
static void codec_change(void)
{
  tm_engine *engine = support_engine();
  char path[SUPPORT_PATH];
  support_path(path, "change.wav");
  uint32_t a = support_open(engine, support_tone(440), support_null());
  uint32_t b = support_open(engine, support_tone(1000), support_file(path));
  CHECK(a && b);
  for (int round = 0; round < 4; round++) {
    tm_codec_name codec = round % 2 ? TM_CODEC_NAME_AMR_WB : TM_CODEC_NAME_PCMU;
    tm_stream_config to_b = support_config(codec, tm_stream_port(engine, b));
    tm_stream_config to_a = support_config(codec, tm_stream_port(engine, a));
    CHECK_INT(tm_stream_configure(engine, a, &to_b, NULL), TM_ENGINE_OK);
    CHECK_INT(tm_stream_configure(engine, b, &to_a, NULL), TM_ENGINE_OK);
    support_sleep(700);
  }
  tm_engine_destroy(engine);
  CHECK_RANGE(support_level(path, 440, 300, 100), -14, -10.5);
  CHECK_RANGE(support_level(path, 440, 300, 800), -14, -10.5);
  unlink(path);
}

// send off: the other side hears silence; receive off: we do. RTP stops or goes accordingly.
static void directions(void)
{
  tm_engine *engine = support_engine();
  char path[SUPPORT_PATH];
  tm_stream_stats before, after;
  support_path(path, "direction.wav");
  uint32_t a = support_open(engine, support_tone(440), support_null());
  uint32_t b = support_open(engine, support_tone(1000), support_file(path));
  CHECK(a && b);
  tm_stream_config to_b = support_config(TM_CODEC_NAME_PCMA, tm_stream_port(engine, b));
  tm_stream_config to_a = support_config(TM_CODEC_NAME_PCMA, tm_stream_port(engine, a));
  CHECK_INT(tm_stream_configure(engine, a, &to_b, NULL), TM_ENGINE_OK);
  CHECK_INT(tm_stream_configure(engine, b, &to_a, NULL), TM_ENGINE_OK);
  support_sleep(600);
  to_b.send = false;
  CHECK_INT(tm_stream_configure(engine, a, &to_b, NULL), TM_ENGINE_OK);
  support_sleep(100);
  tm_stream_stats_get(engine, a, &before);
  support_sleep(900);
  tm_stream_stats_get(engine, a, &after);
  CHECK_INT(after.packets_sent, before.packets_sent);
  CHECK_RANGE(after.packets_received - before.packets_received, 35, 55);
  CHECK_INT(tm_stream_close(engine, b), TM_ENGINE_OK);
  tm_event event;
  CHECK(support_event(engine, TM_EVENT_CLOSED, &event, 1000));
  CHECK_RANGE(support_level(path, 440, 400, 0), -200, -60);
  CHECK_RANGE(support_level(path, 440, 200, 1100), -14, -10.5);
  tm_engine_destroy(engine);
  unlink(path);
}

// Ports first, ends later, and others in mid-call: every file is whole and holds what was heard while it was the end.
static void attach(void)
{
  tm_engine *engine = support_engine();
  char first[SUPPORT_PATH], second[SUPPORT_PATH];
  tm_error error = {.status = TM_ENGINE_OK};
  support_path(first, "first.wav");
  support_path(second, "second.wav");
  uint32_t a = support_open(engine, support_null(), support_null());
  uint32_t b = support_open(engine, support_null(), support_null());
  CHECK(a && b);
  tm_stream_config to_b = support_config(TM_CODEC_NAME_PCMA, tm_stream_port(engine, b));
  tm_stream_config to_a = support_config(TM_CODEC_NAME_PCMA, tm_stream_port(engine, a));
  CHECK_INT(tm_stream_configure(engine, a, &to_b, NULL), TM_ENGINE_OK);
  CHECK_INT(tm_stream_configure(engine, b, &to_a, NULL), TM_ENGINE_OK);
  tm_endpoint low = support_tone(440), high = support_tone(1000), into_first = support_file(first), into_second = support_file(second);
  CHECK_INT(tm_stream_attach(engine, a, &low, NULL, NULL), TM_ENGINE_OK);
  CHECK_INT(tm_stream_attach(engine, b, NULL, &into_first, NULL), TM_ENGINE_OK);
  support_sleep(900);
  // What cannot be opened changes nothing, also when the other end could be.
  tm_endpoint nowhere = support_file("/nowhere/at/all.wav");
  CHECK_INT(tm_stream_attach(engine, b, &high, &nowhere, &error), TM_ENGINE_FILE);
  CHECK_INT(tm_stream_attach(engine, a, &high, NULL, NULL), TM_ENGINE_OK);
  CHECK_INT(tm_stream_attach(engine, b, NULL, &into_second, NULL), TM_ENGINE_OK);
  support_sleep(900);
  CHECK_RANGE(support_level(first, 440, 300, 100), -14, -10.5);
  tm_engine_destroy(engine);
  CHECK_RANGE(support_level(second, 1000, 300, 100), -14, -10.5);
  CHECK_RANGE(support_level(second, 440, 300, 100), -200, -35);
  unlink(first);
  unlink(second);
}

// The host's address changes: new ports there, and the conversation goes on with its counters, its file and its source as they are.
static void moved(void)
{
  tm_engine *engine = support_engine();
  char path[SUPPORT_PATH];
  tm_stream_stats before, after;
  tm_error error = {.status = TM_ENGINE_OK};
  support_path(path, "moved.wav");
  uint32_t a = support_open(engine, support_tone(440), support_file(path));
  uint32_t b = support_open(engine, support_tone(1000), support_null());
  CHECK(a && b);
  tm_stream_config to_b = support_config(TM_CODEC_NAME_PCMU, tm_stream_port(engine, b));
  tm_stream_config to_a = support_config(TM_CODEC_NAME_PCMU, tm_stream_port(engine, a));
  CHECK_INT(tm_stream_configure(engine, a, &to_b, NULL), TM_ENGINE_OK);
  CHECK_INT(tm_stream_configure(engine, b, &to_a, NULL), TM_ENGINE_OK);
  support_sleep(700);
  CHECK_INT(tm_stream_stats_get(engine, a, &before), TM_ENGINE_OK);
  uint16_t port = tm_stream_port(engine, a);
  CHECK_INT(tm_stream_move(engine, a, "nowhere", 0, 0, &error), TM_ENGINE_ADDRESS);
  CHECK_INT(tm_stream_move(engine, a, "192.0.2.1", 0, 0, &error), TM_ENGINE_ADDRESS);
  CHECK_INT(tm_stream_port(engine, a), port);
  CHECK_INT(tm_stream_move(engine, a, "127.0.0.2", 0, 0, &error), TM_ENGINE_OK);
  CHECK(tm_stream_port(engine, a) != 0);
  to_a = support_config(TM_CODEC_NAME_PCMU, tm_stream_port(engine, a));
  to_a.remote_address = "127.0.0.2";
  CHECK_INT(tm_stream_configure(engine, b, &to_a, NULL), TM_ENGINE_OK);
  support_sleep(700);
  CHECK_INT(tm_stream_stats_get(engine, a, &after), TM_ENGINE_OK);
  CHECK_RANGE(after.packets_received, before.packets_received + 25, before.packets_received + 50);
  CHECK_RANGE(after.packets_sent, before.packets_sent + 25, before.packets_sent + 50);
  // Closed before the move has reached its thread: nothing leaks, nothing hangs.
  CHECK_INT(tm_stream_move(engine, b, "127.0.0.3", 0, 0, &error), TM_ENGINE_OK);
  CHECK_INT(tm_stream_close(engine, b), TM_ENGINE_OK);
  CHECK_INT(tm_stream_move(engine, b, "127.0.0.4", 0, 0, &error), TM_ENGINE_ARGUMENT);
  tm_engine_destroy(engine);
  CHECK_RANGE(support_level(path, 1000, 300, 200), -14, -10.5);
  CHECK_RANGE(support_level(path, 1000, 300, 900), -14, -10.5);
  unlink(path);
}

// To the other IP family: silence until the far end's place of that family is known, then the conversation goes on.
static void moved_to_six(void)
{
  tm_engine *engine = support_engine();
  char path[SUPPORT_PATH];
  tm_stream_stats before, between, after;
  support_path(path, "six.wav");
  uint32_t a = support_open(engine, support_tone(440), support_null());
  uint32_t b = support_open(engine, support_null(), support_file(path));
  CHECK(a && b);
  tm_stream_config to_b = support_config(TM_CODEC_NAME_PCMU, tm_stream_port(engine, b));
  tm_stream_config to_a = support_config(TM_CODEC_NAME_PCMU, tm_stream_port(engine, a));
  CHECK_INT(tm_stream_configure(engine, a, &to_b, NULL), TM_ENGINE_OK);
  CHECK_INT(tm_stream_configure(engine, b, &to_a, NULL), TM_ENGINE_OK);
  support_sleep(500);
  CHECK_INT(tm_stream_move(engine, a, "::1", 0, 0, NULL), TM_ENGINE_OK);
  CHECK_INT(tm_stream_move(engine, b, "::1", 0, 0, NULL), TM_ENGINE_OK);
  support_sleep(100);
  CHECK_INT(tm_stream_stats_get(engine, a, &before), TM_ENGINE_OK);
  support_sleep(200);
  CHECK_INT(tm_stream_stats_get(engine, a, &between), TM_ENGINE_OK);
  CHECK_INT(between.packets_sent, before.packets_sent);
  CHECK_INT(between.send_errors, before.send_errors);
  // The old place is none of this family.
  CHECK_INT(tm_stream_configure(engine, a, &to_b, NULL), TM_ENGINE_ADDRESS);
  to_b = support_config(TM_CODEC_NAME_PCMU, tm_stream_port(engine, b));
  to_a = support_config(TM_CODEC_NAME_PCMU, tm_stream_port(engine, a));
  to_b.remote_address = to_a.remote_address = "::1";
  CHECK_INT(tm_stream_configure(engine, a, &to_b, NULL), TM_ENGINE_OK);
  CHECK_INT(tm_stream_configure(engine, b, &to_a, NULL), TM_ENGINE_OK);
  support_sleep(700);
  CHECK_INT(tm_stream_stats_get(engine, a, &after), TM_ENGINE_OK);
  CHECK_RANGE(after.packets_sent, between.packets_sent + 25, between.packets_sent + 50);
  tm_engine_destroy(engine);
  CHECK_RANGE(support_level(path, 440, 200, 200), -14, -10.5);
  CHECK_RANGE(support_level(path, 440, 200, 1000), -14, -10.5);
  unlink(path);
}

int main(void)
{
  tm_test_run("PCMU: each hears the other's tone", pcmu);
  tm_test_run("PCMA, 40 ms packets", pcma_40);
  tm_test_run("AMR-WB, bandwidth-efficient", amr_wb_efficient);
  tm_test_run("AMR-WB, octet-aligned, 60 ms packets", amr_wb_aligned_60);
  tm_test_run("codec changed in mid-call", codec_change);
  tm_test_run("send switched off in mid-call", directions);
  tm_test_run("moved to another address in mid-call", moved);
  tm_test_run("moved to the other IP family in mid-call", moved_to_six);
  tm_test_run("ends attached and replaced in mid-call", attach);
  return tm_test_end();
}
