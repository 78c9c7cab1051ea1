// Quality of a stream in made-up time: a minute of a call with loss, VoIP metrics to the peer, metrics of the peer taken, ratings.
#include "clock.h"
#include "codec_side.h"
#include "packet_sound.h"
#include "quality.h"
#include "support.h"
#include "tm_test.h"
#include "tm_xr.h"

enum { MINUTE = 3000, FAR_SSRC = 0x0A0B0C0D };

static tm_engine *engine;
static tm_stream *stream;
static support_peer peer;

/** What the peer saw of our RTCP. */
static struct {
  int compounds, reports, extended, byes;
  tm_xr_voip voip;
  tm_rtcp_report report;
} seen;

static bool start(bool extended)
{
  tm_stream_options options = {.address = "127.0.0.1", .capture = support_tone(440), .playback = support_null()};
  tm_codec_config pcma = {.id = TM_CODEC_PCMA};
  tm_codec_thread_config codec = {.payload_type = 8, .packing = {.units = 1}, .send = true, .receive = true};
  tm_packet_config packet = {.session = {.clock_hz = 8000, .send = true, .receive = true,
                                         .rtcp_receivers_bps = 2000, .cname = "unit@test"},
                             .coding = 1, .receive_payload_type = 8, .dtmf_payload_type = -1, .dtmf_receive_payload_type = -1,
                             .packing = {.units = 1}, .extended_reports = extended};
  memset(&seen, 0, sizeof seen);
  engine = support_engine();
  if (!engine || !support_peer_open(&peer)) return false;
  stream = tm_stream_create(engine, &options, 1, NULL);
  codec.coding = tm_coding_create(&pcma, 1, NULL);
  if (!stream || !codec.coding) return false;
  if (tm_address_parse("127.0.0.1", peer.port, &packet.session.remote) != 0) return false;
  if (tm_address_parse("127.0.0.1", (uint16_t)(peer.port + 1), &packet.session.remote_rtcp) != 0) return false;
  tm_coding_destroy(tm_codec_side_configure(stream, &codec, 0));
  tm_packet_configure(stream, &packet, 0);
  return true;
}

static void stop(void)
{
  tm_stream_free(stream);
  tm_engine_destroy(engine);
  support_peer_close(&peer);
}

static void look_at_rtcp(void)
{
  tm_rtcp_iterator iterator;
  tm_rtcp_packet packet;
  while (support_peer_rtcp(&peer, 0)) {
    CHECK_INT(tm_rtcp_check_compound(peer.data, peer.octets, false), TM_OK);
    seen.compounds++;
    tm_rtcp_begin(&iterator, peer.data, peer.octets);
    while (tm_rtcp_next(&iterator, &packet) == TM_OK) {
      CHECK(seen.byes == 0);  // nothing comes after it
      if (packet.type == TM_RTCP_BYE) seen.byes++;
      if (tm_rtcp_read_report(&packet, 0, &seen.report) == TM_OK) seen.reports++;
      if (packet.type == TM_RTCP_XR && tm_xr_read_voip(&packet, FAR_SSRC, &seen.voip) == TM_OK) seen.extended++;
    }
  }
}

static bool is_missing(int i)
{
  // Single losses now and then, and one burst of 5 in 300 packets.
  return i % 100 == 50 || (i % 300 >= 200 && i % 300 < 205);
}

// `beats` of 20 ms; the peer's packets arrive 1 ms before each.
static void talk(int from, int beats, bool lossy)
{
  uint8_t data[200];
  uint8_t payload[160];
  size_t octets = 0;
  tm_rtp_packet rtp;
  memset(payload, 0xD5, sizeof payload);
  for (int i = from; i < from + beats; i++) {
    int64_t now = stream->base_ns + i * TM_UNIT_NS;
    rtp = (tm_rtp_packet){.payload_type = 8, .marker = i == 0, .sequence = (uint16_t)(65000 + i), .timestamp = (uint32_t)i * 160,
                          .ssrc = FAR_SSRC, .payload = payload, .payload_bytes = sizeof payload};
    CHECK_INT(tm_rtp_build(&rtp, data, sizeof data, &octets), TM_OK);
    if (!lossy || !is_missing(i)) tm_session_take(&stream->session, data, octets, &stream->packet.config.session.remote, now - TM_NS_PER_MS);
    tm_codec_side_beat(stream, now - TM_CODEC_LEAD_NS);
    tm_packet_beat(stream, now);
    tm_rtcp_beat(&stream->session, now);
    while (support_peer_rtp(&peer, &rtp, 0)) continue;
    look_at_rtcp();
  }
}

static void metrics_are_sent(void)
{
  CHECK(start(true));
  talk(0, 2 * MINUTE, true);
  tm_rtcp_bye(&stream->session, stream->base_ns + 2 * MINUTE * TM_UNIT_NS);
  look_at_rtcp();
  CHECK(seen.compounds >= 20);
  CHECK(seen.reports >= 20);
  CHECK(seen.extended >= seen.compounds - 2);
  CHECK_INT(seen.byes, 1);
  // 80 of 3000 a minute: 1 % single and 5 in 300.
  CHECK_RANGE(seen.voip.loss_rate, 6, 7);
  CHECK_INT(seen.voip.discard_rate, 0);
  CHECK_INT(seen.voip.burst_density, 255);
  CHECK_INT(seen.voip.burst_ms, 100);
  CHECK_RANGE(seen.voip.gap_density, 2, 3);
  CHECK_RANGE(seen.voip.gap_ms, 5400, 6000);
  CHECK_INT(seen.voip.gmin, 16);
  CHECK_RANGE(seen.voip.nominal_ms, 5, 40);
  CHECK_RANGE(seen.voip.end_system_ms, 40, 100);
  CHECK_RANGE(seen.voip.mos_conversation, 35, 43);
  CHECK_RANGE(seen.voip.r_factor, 70, 92);
  CHECK_INT(seen.voip.round_trip_ms, 0);
  tm_heard heard;
  tm_quality_here(stream, &heard);
  CHECK(heard.heard);
  CHECK_RANGE(heard.delay_ms, -1, -1);
  stop();
}

static void only_when_negotiated(void)
{
  CHECK(start(false));
  talk(0, MINUTE, true);
  CHECK(seen.reports >= 8);
  CHECK_INT(seen.extended, 0);
  stop();
}

static void quality_follows_the_network(void)
{
  tm_heard clean, lossy;
  tm_heard_far far;
  CHECK(start(false));
  talk(0, MINUTE, false);
  tm_quality_here(stream, &clean);
  CHECK_INT(clean.bursts.impaired, 0);
  CHECK_RANGE(clean.rating.mos_conversation, 4.4, 4.42);
  tm_quality_there(stream, &far);
  CHECK_RANGE(far.mos, -1, -1);
  talk(MINUTE, MINUTE, true);
  tm_quality_here(stream, &lossy);
  CHECK_RANGE(lossy.bursts.impaired, 75, 81);
  CHECK(lossy.rating.mos_conversation < clean.rating.mos_conversation - 0.1);
  // From the peer's reports: a round trip of 400 ms and 10 % loss.
  atomic_store(&stream->session.counters.rtt_us, 400000);
  atomic_store(&stream->session.counters.far_loss_256, 26);
  tm_quality_here(stream, &clean);
  CHECK_RANGE(clean.delay_ms, 240, 290);
  CHECK(clean.rating.r_conversation < clean.rating.r_listening - 5);
  tm_quality_there(stream, &far);
  CHECK_RANGE(far.mos, 2.5, 3.6);
  stop();
}

static void metrics_are_taken(void)
{
  tm_heard_far far;
  uint8_t xr[TM_XR_VOIP_BYTES];
  uint8_t out[256];
  size_t octets = 0;
  CHECK(start(false));
  talk(0, 100, false);
  tm_xr_voip voip = {.ssrc = stream->session.ssrc, .mos_conversation = 32, .discard_rate = 64, .nominal_ms = 120};
  tm_rtcp_content content = {.ssrc = FAR_SSRC, .cname = "peer", .further = xr, .further_bytes = sizeof xr};
  for (int other = 1; other >= 0; other--) {
    // First a report about somebody else: it changes nothing.
    voip.ssrc = stream->session.ssrc + (uint32_t)other;
    CHECK_INT(tm_xr_write_voip(FAR_SSRC, &voip, xr, sizeof xr, &octets), TM_OK);
    CHECK_INT(tm_rtcp_build(&content, out, sizeof out, &octets), TM_OK);
    CHECK(support_peer_send(peer.rtcp, (uint16_t)(stream->session.port + 1), out, octets));
    for (int i = 0; i < 2000 && atomic_load(&stream->session.counters.rtcp_received) < (uint64_t)(2 - other); i++) {
      CHECK(tm_rtcp_receive(&stream->session));
      support_sleep(1);
    }
    tm_quality_there(stream, &far);
    CHECK_RANGE(far.mos, other ? -1 : 3.2, other ? -1 : 3.2);
  }
  CHECK_RANGE(far.discard, 0.25, 0.25);
  CHECK_RANGE(far.playout_ms, 120, 120);
  // Unknown there: rated from the loss it reports.
  voip.mos_conversation = TM_XR_UNAVAILABLE;
  voip.ssrc = stream->session.ssrc;
  atomic_store(&stream->session.counters.far_loss_256, 0);
  CHECK_INT(tm_xr_write_voip(FAR_SSRC, &voip, xr, sizeof xr, &octets), TM_OK);
  CHECK_INT(tm_rtcp_build(&content, out, sizeof out, &octets), TM_OK);
  CHECK(support_peer_send(peer.rtcp, (uint16_t)(stream->session.port + 1), out, octets));
  for (int i = 0; i < 2000 && atomic_load(&stream->session.counters.rtcp_received) < 3; i++) {
    CHECK(tm_rtcp_receive(&stream->session));
    support_sleep(1);
  }
  tm_quality_there(stream, &far);
  CHECK_RANGE(far.mos, 1, 3);
  stop();
}

int main(void)
{
  tm_test_run("VoIP metrics go out with the reports, right in every figure; BYE is the last", metrics_are_sent);
  tm_test_run("without rtcp-xr no extended report leaves", only_when_negotiated);
  tm_test_run("ratings follow loss and delay", quality_follows_the_network);
  tm_test_run("VoIP metrics of the peer about us are taken, about others not", metrics_are_taken);
  return tm_test_end();
}
