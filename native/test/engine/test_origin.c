// Whose packets a stream takes: the table of origin.h, and what it means for SSRCs and for reports, in made-up time.
#include "clock.h"
#include "packet_sound.h"
#include "support.h"
#include "tm_test.h"

static tm_address place(const char *host, uint16_t port)
{
  tm_address address;
  if (tm_address_parse(host, port, &address) != 0) printf("# no address: %s\n", host);
  return address;
}

static void ranks(void)
{
  tm_origin origin;
  tm_address signalled = place("192.0.2.1", 4000), same_host = place("192.0.2.1", 4002), stranger = place("192.0.2.9", 4000);
  tm_address other_stranger = place("192.0.2.10", 4000);
  int64_t now = 100 * TM_NS_PER_S;
  tm_origin_init(&origin, &signalled);
  CHECK(tm_origin_takes(&origin, &stranger, now));
  CHECK(!tm_origin_is(&origin, &stranger));
  tm_origin_heard(&origin, &stranger, now);
  CHECK(tm_origin_is(&origin, &stranger));
  CHECK(!tm_origin_takes(&origin, &other_stranger, now + TM_NS_PER_S));
  CHECK(tm_origin_takes(&origin, &other_stranger, now + 2 * TM_NS_PER_S));
  CHECK(tm_origin_takes(&origin, &same_host, now));
  tm_origin_heard(&origin, &same_host, now);
  CHECK(!tm_origin_takes(&origin, &stranger, now + TM_NS_PER_S));
  CHECK(tm_origin_takes(&origin, &signalled, now));
  tm_origin_heard(&origin, &signalled, now);
  CHECK(tm_origin_certain(&origin));
  CHECK(!tm_origin_takes(&origin, &same_host, now + 1000 * TM_NS_PER_S));
  CHECK(!tm_origin_takes(&origin, &stranger, now + 1000 * TM_NS_PER_S));
  CHECK(tm_origin_takes(&origin, &signalled, now + 1000 * TM_NS_PER_S));
  CHECK(tm_origin_shares_host(&origin, &same_host));
  CHECK(!tm_origin_shares_host(&origin, &stranger));
}

static void six(void)
{
  tm_address a = place("2001:db8::1", 4000), b = place("2001:db8::1", 4001), c = place("2001:db8::2", 4000);
  tm_address v4 = place("192.0.2.1", 4000);
  CHECK(tm_address_same_host(&a, &b) && !tm_address_equal(&a, &b));
  CHECK(!tm_address_same_host(&a, &c) && !tm_address_same_host(&a, &v4));
  a = place("::", 1);
  v4 = place("0.0.0.0", 1);
  CHECK(tm_address_unspecified(&a) && tm_address_unspecified(&v4) && !tm_address_unspecified(&c));
}

static tm_engine *engine;
static tm_stream *stream;
static tm_address peer, stranger;

// A stream that no thread knows: the test is its packet thread.
static bool start(void)
{
  tm_stream_options options = {.address = "127.0.0.1", .capture = support_null(), .playback = support_null()};
  engine = support_engine();
  peer = place("127.0.0.1", 9);
  stranger = place("127.0.0.2", 9);
  stream = engine ? tm_stream_create(engine, &options, 1, NULL) : NULL;
  if (!stream) return false;
  tm_packet_config config = {.session = {.remote = peer, .remote_rtcp = peer, .clock_hz = 8000, .receive = true}, .receive_payload_type = 8,
                             .dtmf_payload_type = -1, .dtmf_receive_payload_type = -1, .packing = {.units = 1}};
  tm_packet_configure(stream, &config, 0);
  return true;
}

static void stop(void)
{
  tm_stream_free(stream);
  tm_engine_destroy(engine);
}

static void take(const tm_address *from, uint32_t ssrc, uint8_t type, uint16_t sequence, int64_t ms)
{
  uint8_t payload[160] = {0}, out[SUPPORT_DATAGRAM];
  size_t octets = 0;
  tm_rtp_packet packet = {.payload_type = type, .sequence = sequence, .timestamp = sequence * 160u, .ssrc = ssrc,
                          .payload = payload, .payload_bytes = sizeof payload};
  if (tm_rtp_build(&packet, out, sizeof out, &octets) == TM_OK) tm_session_take(&stream->session, out, octets, from, ms * TM_NS_PER_MS);
}

static uint64_t taken(void)
{
  return atomic_load(&stream->session.counters.packets_received);
}

// A second of sound, and all the while ten times as much from the same place under other SSRCs: one of them, and made-up ones.
static void wrong_ssrcs(void)
{
  uint32_t noise = 1000;
  CHECK(start());
  for (uint16_t i = 0; i < 50; i++) {
    take(&peer, 7, 8, i, i * 20);
    for (uint16_t k = 0; k < 10; k++) {
      take(&peer, 666, 8, (uint16_t)(i * 10 + k), i * 20 + k);
      take(&peer, noise++, 8, k, i * 20 + k);
    }
    CHECK_INT(atomic_load(&stream->session.counters.remote_ssrc), 7);
  }
  CHECK_INT(taken(), 50);
  CHECK_INT(atomic_load(&stream->session.counters.packets_lost), 0);
  // The source is gone, another one speaks: two packets of silence later it is heard.
  take(&peer, 8, 8, 100, 1100);
  take(&peer, 8, 8, 101, 1120);
  take(&peer, 8, 8, 102, 1140);
  CHECK_INT(atomic_load(&stream->session.counters.remote_ssrc), 8);
  CHECK_INT(taken(), 52);
  stop();
}

static void strangers(void)
{
  CHECK(start());
  // Nothing negotiated: no reason to listen to it.
  take(&stranger, 1, 99, 1, 0);
  CHECK_INT(taken(), 0);
  take(&stranger, 1, 8, 1, 20);
  take(&stranger, 1, 8, 2, 40);
  CHECK_INT(taken(), 2);
  take(&peer, 2, 8, 1, 45);
  CHECK_INT(taken(), 3);
  CHECK_INT(atomic_load(&stream->session.counters.remote_ssrc), 2);
  for (uint16_t i = 3; i < 1000; i++) take(&stranger, 1, 8, i, 60 + i * 20);
  CHECK_INT(taken(), 3);
  CHECK_INT(atomic_load(&stream->session.counters.packets_discarded), 998);
  take(&peer, 2, 8, 2, 30000);
  CHECK_INT(taken(), 4);
  stop();
}

static void intake(void)
{
  tm_intake one = {0};
  int64_t now = 5 * TM_NS_PER_S;
  for (int beat = 0; beat < 3; beat++) {
    for (int i = 0; i < 10; i++) CHECK(tm_intake_take(&one, 10, now));
    CHECK(!tm_intake_take(&one, 10, now));
    CHECK(!tm_intake_take(&one, 10, now + TM_UNIT_NS - 1));
    now += TM_UNIT_NS;
  }
}

int main(void)
{
  tm_test_run("who is nearer to what was signalled keeps the stream", ranks);
  tm_test_run("addresses compared", six);
  tm_test_run("wrong SSRCs by the hundred, then a right one", wrong_ssrcs);
  tm_test_run("a stranger is heard until the peer speaks", strangers);
  tm_test_run("so much in a beat and no more", intake);
  return tm_test_end();
}
