// Codec thread, one stream: captured sound into packets to be sent, received packets into sound to be played, 20 ms at a time.
#include "codec_side.h"

#include <math.h>
#include <string.h>

#include "clock.h"

enum {
  MAX_UNITS_LATE = 5,  // further behind, sound is given up
  CENTI = 100,
  PERCENT = 100,
  LOSS_UNIT = 256,      // of the fraction lost, RFC 3550 6.4.1
  UNITS_A_SECOND = 1000 / TM_UNIT_MS,
};

static void set_level(atomic_int_fast32_t *level, double dbov)
{
  atomic_store_explicit(level, (int_fast32_t)lround(dbov * CENTI), memory_order_relaxed);
}

static void carry_counts(tm_codec_side *side)
{
  tm_receiver_stats stats;
  if (!side->coding) return;
  tm_receiver_read_stats(side->coding->receiver, &stats);
  // In microseconds, since codings differ in their sample rate.
  side->concealed_before += stats.samples_concealed * 1000000 / side->coding->info->sample_hz;
  side->late_before += stats.jitter.late;
  side->bad_before += stats.bad_payloads + stats.jitter.duplicate;
}

tm_coding *tm_codec_side_configure(tm_stream *stream, const tm_codec_thread_config *config, int64_t now)
{
  tm_codec_side *side = &stream->codec;
  tm_coding *old = NULL;
  if (config->coding) {
    carry_counts(side);
    old = side->coding;
    side->coding = config->coding;
    tm_mode_ask_init(&side->ask, side->coding->info->id == TM_CODEC_AMR_WB, side->coding->config.mode_set);
  }
  if (config->packing.units != side->config.packing.units || config->packing.phase != side->config.packing.phase ||
      config->coding || (config->send && !side->config.send))
    side->frame_count = 0;
  if (!side->configured) side->next_unit = tm_stream_beat_after(stream, now);
  uint32_t hz = side->coding->info->sample_hz;
  if (hz != side->level_hz) {
    tm_level_init(&side->level_in, hz);
    tm_level_init(&side->level_out, hz);
    side->level_hz = hz;
  }
  side->config = *config;
  side->config.coding = NULL;
  side->configured = true;
  atomic_store_explicit(&stream->counters.sample_hz, hz, memory_order_relaxed);
  return old;
}

bool tm_codec_side_attach(tm_stream *stream, const tm_ends *ends)
{
  tm_command replaced = {.kind = TM_COMMAND_ATTACH, .session = &stream->session};
  if (ends->source) replaced.ends.source = stream->source;
  if (ends->sink) replaced.ends.sink = stream->sink;
  replaced.ends.new_sink = ends->sink;
  tm_ends before = {.source = stream->source, .sink = stream->sink};
  // Before housekeeping hears of it: it closes what was replaced.
  if (ends->source) stream->source = ends->source;
  if (ends->sink) stream->sink = ends->sink;
  if (tm_worker_send(&stream->session.engine->house, &replaced)) return true;
  stream->source = before.source;
  stream->sink = before.sink;
  return false;
}

void tm_codec_side_tone(tm_stream *stream, tm_progress_tone tone, int64_t now)
{
  tm_codec_side *side = &stream->codec;
  tm_progress_start(&side->progress, tone, side->configured ? side->level_hz : TM_AUDIO_HZ);
  side->yields = tone == TM_PROGRESS_RINGBACK;
  side->covers = tone != TM_PROGRESS_WAITING;
  side->tone_due_ns = now;
}

// What a person hears: the far sound, or a tone over it or in its place.
static void add_tone(tm_codec_side *side, int16_t *pcm, size_t count, uint32_t hz)
{
  if (!tm_progress_sounds(&side->progress)) return;
  if (side->covers) memset(pcm, 0, count * sizeof *pcm);
  tm_progress_rate(&side->progress, hz);
  tm_progress_mix(&side->progress, pcm, count);
}

// Before the first configuration nothing but a tone can be heard.
static void tone_beat(tm_stream *stream, int64_t now)
{
  tm_codec_side *side = &stream->codec;
  int16_t pcm[TM_UNIT_WIDE];
  if (!tm_progress_sounds(&side->progress)) return;
  if (now - side->tone_due_ns > MAX_UNITS_LATE * TM_UNIT_NS) side->tone_due_ns = now;
  for (; side->tone_due_ns <= now; side->tone_due_ns += TM_UNIT_NS) {
    memset(pcm, 0, sizeof pcm);
    add_tone(side, pcm, TM_UNIT_WIDE, TM_AUDIO_HZ);
    if (stream->sink->kind == TM_ENDPOINT_DEVICE) tm_sink_write(stream->sink, TM_AUDIO_HZ, side->tone_due_ns, pcm);
  }
}

static void take_received(tm_stream *stream)
{
  tm_codec_side *side = &stream->codec;
  tm_coding *coding = side->coding;
  tm_rx_record record;
  uint8_t payload[TM_DATAGRAM_OCTETS];
  while (tm_ring_read(stream->rx, &record, sizeof record) == TM_OK) {
    if (record.octets > 0 && tm_ring_read(stream->rx, payload, record.octets) != TM_OK) return;
    if (record.coding != coding->id) continue;
    tm_rtp_packet packet = {.payload_type = record.payload_type,
                            .marker = record.marker,
                            .sequence = record.sequence,
                            .timestamp = record.timestamp,
                            .ssrc = record.ssrc,
                            .payload = payload,
                            .payload_bytes = record.octets};
    uint64_t arrival = (uint64_t)(record.arrival_ns / TM_NS_PER_US);
    if (record.sound && side->yields) {
      side->yields = false;
      tm_progress_start(&side->progress, TM_PROGRESS_NONE, side->level_hz);
    }
    if (record.sound) (void)tm_receiver_put(coding->receiver, &packet, arrival);
    else tm_receiver_note(coding->receiver, &packet, arrival);
  }
}

static void publish_quality(tm_counters *counters, const tm_coding *coding, const tm_receiver_stats *stats)
{
  const tm_burst_totals *bursts = &stats->jitter.bursts;
  const struct {
    atomic_uint_fast64_t *counter;
    uint64_t value;
  } rows[] = {
      {&counters->judged, bursts->packets},
      {&counters->impaired, bursts->impaired},
      {&counters->bursts, bursts->bursts},
      {&counters->burst_packets, bursts->burst_packets},
      {&counters->burst_impaired, bursts->burst_impaired},
      {&counters->gaps, bursts->gaps},
      {&counters->impaired_runs, bursts->runs},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    atomic_store_explicit(rows[i].counter, rows[i].value, memory_order_relaxed);
  atomic_store_explicit(&counters->codec, (uint_fast32_t)coding->info->id, memory_order_relaxed);
  atomic_store_explicit(&counters->mode_heard, stats->mode, memory_order_relaxed);
  atomic_store_explicit(&counters->mode_sent, tm_codec_mode(coding->codec), memory_order_relaxed);
  atomic_store_explicit(&counters->packet_us, stats->jitter.packet_us, memory_order_relaxed);
}

// What the microphone's room is like, if there is one.
static void publish_room(tm_stream *stream)
{
  tm_room_stats room = {.delay_ms = TM_ROOM_DELAY_UNKNOWN};
  if (stream->source && stream->source->port) (void)tm_device_room(stream->source->port, &room);
  atomic_store_explicit(&stream->counters.erl_centi, (int_fast32_t)lround(room.erl_db * CENTI), memory_order_relaxed);
  atomic_store_explicit(&stream->counters.erle_centi, (int_fast32_t)lround(room.erle_db * CENTI), memory_order_relaxed);
  atomic_store_explicit(&stream->counters.echo_delay_ms, room.delay_ms, memory_order_relaxed);
  atomic_store_explicit(&stream->counters.echo_known, room.known, memory_order_relaxed);
}

static void publish(tm_stream *stream)
{
  tm_codec_side *side = &stream->codec;
  tm_receiver_stats stats;
  tm_receiver_read_stats(side->coding->receiver, &stats);
  uint64_t concealed = side->concealed_before + stats.samples_concealed * 1000000 / side->coding->info->sample_hz;
  atomic_store_explicit(&stream->counters.concealed_us, concealed, memory_order_relaxed);
  atomic_store_explicit(&stream->counters.packets_late, side->late_before + stats.jitter.late, memory_order_relaxed);
  atomic_store_explicit(&stream->counters.codec_discarded,
                        side->bad_before + stats.bad_payloads + stats.jitter.duplicate, memory_order_relaxed);
  atomic_store_explicit(&stream->counters.playout_us, stats.jitter.delay_us, memory_order_relaxed);
  publish_quality(&stream->counters, side->coding, &stats);
  set_level(&stream->counters.level_in_centi, side->level_in.rms_dbov);
  set_level(&stream->counters.level_out_centi, side->level_out.rms_dbov);
  publish_room(stream);
}

static void play(tm_stream *stream, uint64_t unit)
{
  tm_codec_side *side = &stream->codec;
  const tm_codec_info *info = side->coding->info;
  int16_t pcm[TM_MAX_FRAME_SAMPLES];
  // The ideal moment, not the real one: a late wake-up of ours is no jitter of the network.
  uint64_t moment = (uint64_t)(tm_stream_due(stream, unit) / TM_NS_PER_US);
  take_received(stream);
  if (side->config.receive) tm_receiver_get(side->coding->receiver, moment, pcm);
  else memset(pcm, 0, sizeof pcm);
  if (stream->sink->kind != TM_ENDPOINT_FILE && stream->sink->kind != TM_ENDPOINT_BRIDGE)
    add_tone(side, pcm, info->encode_samples, info->sample_hz);
  tm_level_push(&side->level_out, pcm, info->encode_samples);
  tm_sink_write(stream->sink, info->sample_hz, tm_stream_due(stream, unit), pcm);
}

// Once a second: the peer is asked for a mode that suits the loss we see, and our coding suits the loss that it sees.
static void mind_loss(tm_stream *stream, uint64_t unit)
{
  tm_codec_side *side = &stream->codec;
  tm_receiver_stats stats;
  if (unit % UNITS_A_SECOND != 0) return;
  tm_receiver_read_stats(side->coding->receiver, &stats);
  uint8_t cmr = tm_mode_ask_look(&side->ask, stats.jitter.frames_lost, stats.jitter.frames_played);
  bool has_modes = tm_codec_ask_mode(side->coding->codec, cmr) == TM_OK;  // others ask for nothing
  int_fast64_t far = atomic_load_explicit(&stream->session.counters.far_loss_256, memory_order_relaxed);
  uint64_t reports = atomic_load_explicit(&stream->session.counters.far_reports, memory_order_relaxed);
  bool news = reports != side->far_reports;
  side->far_reports = reports;
  // Redundancy suits the latest report for as long as it stands; a mode steps down once for each.
  bool concerned = side->coding->config.fec || (news && has_modes);
  if (far >= 0 && concerned) (void)tm_codec_expect_loss(side->coding->codec, (unsigned)(far * PERCENT / LOSS_UNIT));
}

static void hand_over(tm_stream *stream, uint64_t unit)
{
  tm_codec_side *side = &stream->codec;
  const tm_codec_info *info = side->coding->info;
  struct {
    tm_tx_record record;
    uint8_t payload[TM_TX_PAYLOAD_OCTETS];
  } item;
  size_t octets = 0;
  bool any = false;
  for (unsigned i = 0; i < side->frame_count; i++) any = any || side->frames[i].kind != TM_FRAME_NO_DATA;
  if (any && tm_codec_pack(side->coding->codec, side->frames, side->frame_count, item.payload, sizeof item.payload,
                              &octets) != TM_OK)
    octets = 0;
  uint32_t duration = side->frame_count * info->encode_ticks;
  item.record = (tm_tx_record){.unit = unit,
                               .timestamp = side->timestamp - duration,
                               .clock_hz = info->clock_hz,
                               .duration = duration,
                               .octets = (uint16_t)octets,
                               .payload_type = side->config.payload_type,
                               .speech = side->frames[0].kind == TM_FRAME_SPEECH,
                               .talkspurt = !side->spoke};
  side->spoke = side->frames[side->frame_count - 1].kind == TM_FRAME_SPEECH;
  side->frame_count = 0;
  // Full only when the packet thread stands still; it counts the beat as missed.
  (void)tm_ring_write(stream->tx, &item, sizeof item.record + octets);
}

static void capture(tm_stream *stream, uint64_t unit)
{
  tm_codec_side *side = &stream->codec;
  const tm_codec_info *info = side->coding->info;
  int16_t pcm[TM_MAX_FRAME_SAMPLES];
  tm_source_read(stream->source, info->sample_hz, tm_stream_due(stream, unit), pcm);
  tm_level_push(&side->level_in, pcm, info->encode_samples);
  side->timestamp += info->encode_ticks;
  if (!side->config.send) return;
  // A packet starts only at its own first beat, so that both threads agree where it ends.
  if (side->frame_count == 0 && !tm_packet_starts(unit, &side->config.packing)) return;
  if (side->frame_count >= TM_MAX_UNITS_PER_PACKET) side->frame_count = 0;
  tm_frame *frame = &side->frames[side->frame_count++];
  if (tm_codec_encode(side->coding->codec, pcm, frame) != TM_OK)
    *frame = (tm_frame){.kind = TM_FRAME_NO_DATA, .ticks = info->encode_ticks};
  if (tm_packet_ends(unit, &side->config.packing)) hand_over(stream, unit);
}

void tm_codec_side_beat(tm_stream *stream, int64_t now)
{
  tm_codec_side *side = &stream->codec;
  if (!side->configured) {
    tone_beat(stream, now);
    return;
  }
  int64_t ahead = now + TM_CODEC_LEAD_NS;
  if (ahead - tm_stream_due(stream, side->next_unit) > MAX_UNITS_LATE * TM_UNIT_NS) {
    uint64_t unit = (uint64_t)((ahead - stream->base_ns) / TM_UNIT_NS);
    side->timestamp += (uint32_t)(unit - side->next_unit) * side->coding->info->encode_ticks;
    side->frame_count = 0;
    side->next_unit = unit;
  }
  while (tm_stream_due(stream, side->next_unit) <= ahead) {
    uint64_t unit = side->next_unit++;
    capture(stream, unit);  // first: it is what the packet thread waits for
    play(stream, unit);
    mind_loss(stream, unit);
    publish(stream);
  }
}
