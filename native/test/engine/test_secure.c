// SRTP on the wire: everything that leaves is protected, what is forged or replayed is nothing, contexts go on and change with their keys.
#include <string.h>

#include "clock.h"
#include "secure.h"
#include "support.h"
#include "tm_srtp.h"
#include "tm_test.h"

static tm_engine *engine;
static support_peer peer;
static uint32_t stream;
static tm_srtp_policy ours, theirs;

static tm_srtp_policy key(tm_srtp_suite suite, uint8_t fill)
{
  const tm_srtp_suite_info *info = tm_srtp_info_of(suite);
  tm_srtp_policy policy = {.suite = suite, .key_octets = info->key_octets + info->salt_octets};
  memset(policy.key, fill, policy.key_octets);
  return policy;
}

static tm_stream_config config_of(void)
{
  tm_stream_config config = support_config(TM_CODEC_NAME_PCMA, peer.port);
  config.path = (tm_path_config){.keepalive = {.enabled = true, .phase = TM_KEEPALIVE_ESTABLISHED, .payload_type = 20, .interval_ms = 60},
                                 .srtp_send = &ours, .srtp_receive = &theirs};
  return config;
}

static bool configure(const tm_stream_config *config)
{
  return tm_stream_configure(engine, stream, config, NULL) == TM_ENGINE_OK;
}

static bool start(tm_srtp_suite suite)
{
  engine = support_engine();
  stream = engine ? support_open(engine, support_tone(440), support_null()) : 0;
  ours = key(suite, 1);
  theirs = key(suite, 2);
  tm_stream_config config;
  if (stream == 0 || !support_peer_open(&peer)) return false;
  config = config_of();
  return configure(&config);
}

static void stop(void)
{
  tm_engine_destroy(engine);
  support_peer_close(&peer);
}

static tm_srtp *context(const tm_srtp_policy *policy, tm_srtp_direction direction, uint32_t ssrc)
{
  tm_srtp *srtp = NULL;
  return tm_srtp_create(policy, direction, ssrc, &srtp) == TM_OK ? srtp : NULL;
}

// Next packet of the engine's, opened.
static bool next_rtp(tm_srtp *in, tm_rtp_packet *packet)
{
  tm_rtp_packet closed;
  if (!support_peer_rtp(&peer, &closed, 500)) return false;
  return tm_srtp_unprotect(in, peer.data, &peer.octets) == TM_OK && tm_rtp_parse(peer.data, peer.octets, packet) == TM_OK;
}

static tm_stream_stats stats_now(void)
{
  tm_stream_stats stats = {0};
  support_sleep(100);
  (void)tm_stream_stats_get(engine, stream, &stats);
  return stats;
}

static size_t write_packet(tm_srtp *out, uint16_t sequence, uint8_t *data, size_t capacity)
{
  uint8_t payload[160];
  size_t octets = 0;
  memset(payload, 0xd5, sizeof payload);
  tm_rtp_packet packet = {.payload_type = 8, .sequence = sequence, .timestamp = sequence * 160u, .ssrc = 77, .payload = payload,
                          .payload_bytes = sizeof payload};
  if (tm_rtp_build(&packet, data, capacity, &octets) != TM_OK) return 0;
  return !out || tm_srtp_protect(out, data, &octets, capacity) == TM_OK ? octets : 0;
}

static void send_packet(tm_srtp *out, uint16_t sequence, unsigned spoilt)
{
  _Alignas(8) uint8_t data[SUPPORT_DATAGRAM];
  size_t octets = write_packet(out, sequence, data, sizeof data);
  if (spoilt) data[spoilt] ^= 1;
  (void)support_peer_send(peer.rtp, tm_stream_port(engine, stream), data, octets);
}

static void protected_packets(tm_srtp_suite suite)
{
  tm_rtp_packet packet = {0};
  CHECK(start(suite));
  tm_srtp *in = context(&ours, TM_SRTP_RECEIVE, 0);
  CHECK(in != NULL);
  CHECK(next_rtp(in, &packet) && packet.payload_type == 20 && packet.payload_bytes == 0);
  CHECK(support_peer_rtcp(&peer, 500));
  CHECK_INT(tm_srtp_unprotect_rtcp(in, peer.data, &peer.octets), TM_OK);
  CHECK_INT(tm_rtcp_check_compound(peer.data, peer.octets, false), TM_OK);
  uint16_t last = packet.sequence;
  for (int i = 0; i < 10; i++) {
    CHECK(next_rtp(in, &packet));
    CHECK_INT(packet.payload_type, 8);
    CHECK_INT(packet.payload_bytes, 160);
    CHECK_INT((uint16_t)(packet.sequence - last), 1);
    last = packet.sequence;
  }
  tm_stream_stats stats = stats_now();
  CHECK(stats.srtp_suite && strcmp(stats.srtp_suite, tm_srtp_info_of(suite)->name) == 0);
  CHECK_INT(stats.srtp_failures, 0);
  tm_srtp_destroy(in);
  stop();
}

static void every_suite(void)
{
  for (int suite = 0; suite < TM_SRTP_SUITES; suite++) protected_packets((tm_srtp_suite)suite);
}

static void dropped(void)
{
  tm_event event;
  CHECK(start(TM_SRTP_AES_CM_128_HMAC_SHA1_80));
  tm_srtp *out = context(&theirs, TM_SRTP_SEND, 77);
  CHECK(out != NULL);
  // Until it talks it does not listen.
  tm_rtp_packet first;
  CHECK(support_peer_rtp(&peer, &first, 1000));
  send_packet(NULL, 1, 0);
  send_packet(out, 2, 100);
  send_packet(out, 3, 11);
  tm_stream_stats stats = stats_now();
  CHECK_INT(stats.packets_received, 0);
  CHECK_INT(stats.remote_ssrc, 0);
  CHECK_INT(stats.srtp_failures, 3);
  CHECK(!support_event(engine, TM_EVENT_FIRST_PACKET, &event, 20));
  _Alignas(8) uint8_t good[SUPPORT_DATAGRAM];
  size_t octets = write_packet(out, 4, good, sizeof good);
  for (int i = 0; i < 3; i++) (void)support_peer_send(peer.rtp, tm_stream_port(engine, stream), good, octets);
  CHECK(support_event(engine, TM_EVENT_FIRST_PACKET, &event, 500));
  stats = stats_now();
  CHECK_INT(stats.packets_received, 1);
  CHECK_INT(stats.srtp_failures, 5);
  CHECK_INT(stats.remote_ssrc, 77);
  // SRTCP: a BYE of nobody's, and one of the peer's that was changed.
  const uint8_t report[] = {0x80, 201, 0, 1, 0, 0, 0, 77};
  _Alignas(8) uint8_t rtcp[SUPPORT_DATAGRAM];
  (void)support_peer_send(peer.rtcp, (uint16_t)(tm_stream_port(engine, stream) + 1), report, sizeof report);
  memcpy(rtcp, report, sizeof report);
  octets = sizeof report;
  CHECK_INT(tm_srtp_protect_rtcp(out, rtcp, &octets, sizeof rtcp), TM_OK);
  rtcp[octets - 1] ^= 1;
  (void)support_peer_send(peer.rtcp, (uint16_t)(tm_stream_port(engine, stream) + 1), rtcp, octets);
  stats = stats_now();
  CHECK_INT(stats.rtcp_received, 0);
  CHECK_INT(stats.srtp_failures, 7);
  rtcp[octets - 1] ^= 1;
  (void)support_peer_send(peer.rtcp, (uint16_t)(tm_stream_port(engine, stream) + 1), rtcp, octets);
  stats = stats_now();
  CHECK_INT(stats.rtcp_received, 1);
  tm_srtp_destroy(out);
  stop();
}

static void keys_stay_and_change(void)
{
  tm_rtp_packet packet;
  CHECK(start(TM_SRTP_AEAD_AES_128_GCM));
  tm_srtp *in = context(&ours, TM_SRTP_RECEIVE, 0), *out = context(&theirs, TM_SRTP_SEND, 77);
  _Alignas(8) uint8_t replayed[SUPPORT_DATAGRAM];
  size_t octets = write_packet(out, 9, replayed, sizeof replayed);
  CHECK(in && out && octets > 0);
  CHECK(support_peer_send(peer.rtp, tm_stream_port(engine, stream), replayed, octets));
  CHECK(next_rtp(in, &packet));
  // Hold and back, plain RTP and back, all under the same keys: the replay list is still there.
  tm_stream_config config = config_of(), plain = config;
  config.send = config.receive = false;
  CHECK(configure(&config));
  plain.path.srtp_send = plain.path.srtp_receive = NULL;
  CHECK(configure(&plain));
  tm_stream_stats stats = stats_now();
  CHECK(stats.srtp_suite == NULL);
  config = config_of();
  CHECK(configure(&config));
  (void)stats_now();
  CHECK(support_peer_send(peer.rtp, tm_stream_port(engine, stream), replayed, octets));
  stats = stats_now();
  CHECK_INT(stats.packets_received, 1);
  CHECK_INT(stats.srtp_failures, 1);
  // New keys: what leaves is made with them at once; what was under way under the old ones is taken, but not twice and not for long.
  tm_srtp_policy before = ours;
  ours = key(TM_SRTP_AES_256_CM_HMAC_SHA1_80, 3);
  theirs = key(TM_SRTP_AES_256_CM_HMAC_SHA1_80, 4);
  config = config_of();
  CHECK(configure(&config));
  (void)stats_now();
  while (support_peer_rtp(&peer, &packet, 0)) continue;
  tm_srtp *old = context(&before, TM_SRTP_RECEIVE, 0), *fresh = context(&ours, TM_SRTP_RECEIVE, 0);
  CHECK(old && fresh);
  CHECK(!next_rtp(old, &packet));
  CHECK(next_rtp(fresh, &packet));
  send_packet(out, 10, 0);
  send_packet(out, 11, 100);
  CHECK(support_peer_send(peer.rtp, tm_stream_port(engine, stream), replayed, octets));
  stats = stats_now();
  CHECK_INT(stats.packets_received, 2);
  CHECK_INT(stats.srtp_failures, 3);
  tm_srtp *other = context(&theirs, TM_SRTP_SEND, 77);
  send_packet(other, 12, 0);
  send_packet(out, 13, 0);
  stats = stats_now();
  CHECK_INT(stats.packets_received, 4);
  CHECK_INT(stats.srtp_failures, 3);
  support_sleep(TM_SECURE_SETTLED_MS);
  send_packet(out, 14, 0);
  stats = stats_now();
  CHECK_INT(stats.packets_received, 4);
  CHECK_INT(stats.srtp_failures, 4);
  // Back to plain RTP: what is under way under the key is opened, what is plain is taken as it is.
  config.path.srtp_send = config.path.srtp_receive = NULL;
  CHECK(configure(&config));
  support_sleep(50);
  send_packet(other, 15, 0);
  send_packet(NULL, 16, 0);
  stats = stats_now();
  CHECK_INT(stats.packets_received, 6);
  CHECK_INT(stats.srtp_failures, 4);
  tm_srtp_destroy(in);
  tm_srtp_destroy(out);
  tm_srtp_destroy(old);
  tm_srtp_destroy(fresh);
  tm_srtp_destroy(other);
  stop();
}

// Three early dialogs: two answers with keys of their own, one without any. Each gets its keep-alives as it can read them.
static void early_dialogs(void)
{
  tm_rtp_packet packet;
  support_peer others[2];
  CHECK(start(TM_SRTP_AES_CM_128_HMAC_SHA1_80));
  CHECK(support_peer_open(&others[0]) && support_peer_open(&others[1]));
  tm_srtp_policy second = key(TM_SRTP_AEAD_AES_256_GCM, 5);
  tm_place places[] = {{.address = "127.0.0.1", .port = others[0].port, .srtp_send = &second},
                       {.address = "127.0.0.1", .port = others[1].port}};
  tm_stream_config config = config_of();
  config.send = false;
  config.path.also = places;
  config.path.also_count = 2;
  CHECK(configure(&config));
  tm_srtp *first = context(&ours, TM_SRTP_RECEIVE, 0), *other = context(&second, TM_SRTP_RECEIVE, 0);
  CHECK(first && other);
  CHECK(next_rtp(first, &packet));
  for (int i = 0; i < 3; i++) {
    CHECK(support_peer_rtp(&others[0], &packet, 500));
    CHECK_INT(tm_srtp_unprotect(other, others[0].data, &others[0].octets), TM_OK);
    CHECK_INT(tm_rtp_parse(others[0].data, others[0].octets, &packet), TM_OK);
    CHECK_INT(packet.payload_type, 20);
    CHECK_INT(packet.payload_bytes, 0);
    CHECK(support_peer_rtp(&others[1], &packet, 500));
    CHECK_INT(packet.payload_bytes, 0);
  }
  CHECK(support_peer_rtcp(&others[0], 500));
  CHECK_INT(tm_srtp_unprotect_rtcp(other, others[0].data, &others[0].octets), TM_OK);
  CHECK(support_peer_rtcp(&others[1], 500));
  CHECK_INT(tm_rtcp_check_compound(others[1].data, others[1].octets, false), TM_OK);
  // That one answers: its key goes on, the first one's is there when it comes back.
  tm_srtp_policy ours_before = ours;
  ours = second;
  tm_stream_config answered = support_config(TM_CODEC_NAME_PCMA, others[0].port);
  answered.path = (tm_path_config){.srtp_send = &ours, .srtp_receive = &theirs};
  CHECK(configure(&answered));
  for (int i = 0; i < 5; i++) {
    CHECK(support_peer_rtp(&others[0], &packet, 500));
    CHECK_INT(tm_srtp_unprotect(other, others[0].data, &others[0].octets), TM_OK);
  }
  ours = ours_before;
  config = config_of();
  while (support_peer_rtp(&peer, &packet, 0)) continue;
  CHECK(configure(&config));
  for (int i = 0; i < 5; i++) CHECK(next_rtp(first, &packet));
  CHECK_INT(stats_now().srtp_failures, 0);
  tm_srtp_destroy(first);
  tm_srtp_destroy(other);
  support_peer_close(&others[0]);
  support_peer_close(&others[1]);
  stop();
}

// A peer that changes its key in every offer costs no more than a bounded number of contexts, and the latest always works.
static void many_keys(void)
{
  tm_rtp_packet packet;
  CHECK(start(TM_SRTP_AEAD_AES_128_GCM));
  for (int i = 0; i < 100; i++) {
    ours = key(TM_SRTP_AEAD_AES_128_GCM, (uint8_t)(10 + i));
    theirs = key(TM_SRTP_AEAD_AES_128_GCM, (uint8_t)(120 + i));
    tm_stream_config config = config_of();
    CHECK(configure(&config));
  }
  support_sleep(50);
  while (support_peer_rtp(&peer, &packet, 0)) continue;
  tm_srtp *in = context(&ours, TM_SRTP_RECEIVE, 0), *out = context(&theirs, TM_SRTP_SEND, 77);
  CHECK(in && out);
  CHECK(next_rtp(in, &packet));
  send_packet(out, 5, 0);
  CHECK_INT(stats_now().packets_received, 1);
  tm_srtp_destroy(in);
  tm_srtp_destroy(out);
  stop();
}

static void refused(void)
{
  CHECK(start(TM_SRTP_AEAD_AES_256_GCM));
  tm_stream_config config = config_of();
  config.path.srtp_receive = NULL;
  CHECK_INT(tm_stream_configure(engine, stream, &config, NULL), TM_ENGINE_ARGUMENT);
  tm_srtp_policy bad = ours;
  bad.key_octets = 3;
  config.path.srtp_receive = &bad;
  CHECK_INT(tm_stream_configure(engine, stream, &config, NULL), TM_ENGINE_ARGUMENT);
  bad = (tm_srtp_policy){.suite = TM_SRTP_SUITES};
  CHECK_INT(tm_stream_configure(engine, stream, &config, NULL), TM_ENGINE_ARGUMENT);
  stop();
}

int main(void)
{
  tm_test_run("every suite: media, keep-alives and reports leave protected", every_suite);
  tm_test_run("forged, replayed and plain packets are nothing", dropped);
  tm_test_run("the same key goes on, another begins anew", keys_stay_and_change);
  tm_test_run("early dialogs get keep-alives under keys of their own, or plain ones", early_dialogs);
  tm_test_run("a hundred changes of keys", many_keys);
  tm_test_run("what is refused", refused);
  return tm_test_end();
}
