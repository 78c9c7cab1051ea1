// One stream as its three threads see it. Each member belongs to one thread; what crosses is a ring, a queue or an atomic.
#ifndef TM_ENGINE_STREAM_H
#define TM_ENGINE_STREAM_H

#include <stdatomic.h>

#include "audio.h"
#include "engine.h"
#include "session.h"
#include "tm_codec.h"
#include "tm_dtmf.h"
#include "tm_level.h"
#include "tm_mode_ask.h"
#include "tm_progress.h"
#include "tm_receiver.h"
#include "tm_ring.h"

enum {
  TM_UNIT_MS = 20,  // what a codec codes at once, and the beat of both threads
  TM_MAX_UNITS_PER_PACKET = 4,  // 26.114 7.4.2: never more than 4 frames that are no repetition
  TM_TX_PAYLOAD_OCTETS = 1000,  // TM_MAX_UNITS_PER_PACKET of G.711, with room
  TM_NO_PAYLOAD_TYPE = -1,
};

/** Codec and playout of one configuration: made by the control thread, used by the codec thread, given back to be destroyed. */
typedef struct {
  uint32_t id;  // counts up in a stream: tells packets of the old configuration from those of the new
  tm_codec *codec;
  tm_receiver *receiver;
  tm_codec_config config;
  const tm_codec_info *info;
} tm_coding;

/** A received packet on its way from the packet thread to the codec thread; the payload follows. */
typedef struct {
  uint32_t coding;
  uint32_t ssrc, timestamp;
  uint16_t sequence, octets;
  uint8_t payload_type;
  bool marker;
  bool sound;  // false: only its sequence number counts (event, keep-alive)
  int64_t arrival_ns;
} tm_rx_record;

/** A packet to be sent, from the codec thread to the packet thread; the payload follows. No octets: silence, nothing is sent. */
typedef struct {
  uint64_t unit;  // sent at this beat of the stream
  uint32_t timestamp, clock_hz;
  uint32_t duration;  // ticks
  uint16_t octets;
  uint8_t payload_type;
  bool speech;     // its first frame is sound, not a description of silence
  bool talkspurt;  // and the first one after silence: RFC 3551 4.1, RFC 4867 4.1
} tm_tx_record;

/** How beats become packets: `units` each, the first of one at every beat that is `phase` modulo `units`. */
typedef struct {
  unsigned units, phase;
} tm_packing;

/** What the packet thread has to know; handed over by value. */
typedef struct {
  tm_session_config session;
  uint32_t coding;
  int receive_payload_type;
  int dtmf_payload_type, dtmf_receive_payload_type;
  uint32_t dtmf_clock_hz;
  tm_packing packing;
  bool extended_reports;  // RFC 3611 VoIP metrics are sent
} tm_packet_config;

/** What the codec thread has to know. */
typedef struct {
  tm_coding *coding;  // NULL: the present one stays
  uint8_t payload_type;
  tm_packing packing;
  bool send, receive;
} tm_codec_thread_config;

/** Written by the thread named, read by anyone. Relaxed: every value stands for itself. */
typedef struct {
  // packet thread
  atomic_uint_fast64_t ticks_missed, dtmf_sent, dtmf_received, far_voip;
  // codec thread
  atomic_uint_fast64_t packets_late, codec_discarded, concealed_us, sample_hz, playout_us;
  // RFC 3611 4.7.2, of the present coding; see tm_burst_totals
  atomic_uint_fast64_t judged, impaired, bursts, burst_packets, burst_impaired, gaps, impaired_runs;
  atomic_uint_fast32_t codec, mode_heard, mode_sent, packet_us;
  atomic_int_fast32_t level_in_centi, level_out_centi;  // dBov * 100
  atomic_bool echo_known;
  atomic_int_fast32_t erl_centi, erle_centi, echo_delay_ms;  // dB * 100; negative: unknown
} tm_counters;

typedef struct {
  tm_packet_config config;
  uint64_t next_unit;
  int64_t retry_ns;  // a frame was not there at its time: look again then; TM_NEVER: no
  bool marker;       // set on the next packet
  bool flowing;      // a packet was there since sending was switched on
  tm_dtmf_sender dtmf_out;
  uint32_t dtmf_clock_position, dtmf_segment, dtmf_rtp_timestamp;
  size_t dtmf_pending;
  tm_dtmf_receiver dtmf_in;
} tm_packet_side;

typedef struct {
  bool configured, closing;
  tm_codec_thread_config config;
  tm_coding *coding;
  uint64_t next_unit;
  uint32_t timestamp;
  tm_frame frames[TM_MAX_UNITS_PER_PACKET];
  unsigned frame_count;
  bool spoke;  // the last frame handed over was sound
  tm_mode_ask ask;
  uint64_t far_reports;  // that were looked at
  tm_progress progress;
  int64_t tone_due_ns;  // of the next 20 ms of a tone before there is a configuration
  bool covers, yields;  // the tone takes the place of the far sound; it ends with the first packet of it
  uint64_t concealed_before, late_before, bad_before;  // of earlier codings; concealed in microseconds
  tm_level level_in, level_out;
  uint32_t level_hz;
} tm_codec_side;

/** Where a stream's sound comes from and goes to; NULL: stays as it is. */
typedef struct {
  tm_source *source;
  tm_sink *sink;
  tm_sink *new_sink;  // to housekeeping: what it has to flush from now on
} tm_ends;

typedef struct tm_stream {
  tm_session session;  // first: see tm_stream_of
  int64_t base_ns;  // beat k is due at base_ns + k * TM_UNIT_MS
  tm_ring *rx, *tx;
  tm_source *source;       // codec thread; housekeeping at the end
  tm_sink *sink;           // codec thread
  tm_sink *flushed_sink;   // housekeeping thread: the same one, a moment later
  tm_counters counters;
  tm_packet_side packet;
  tm_codec_side codec;
  // control thread
  uint32_t codings;
  tm_codec_config coding_config;
  tm_packing packing;
  bool sends;
  bool has_coding, has_dtmf;
} tm_stream;

#define TM_UNIT_NS (TM_UNIT_MS * INT64_C(1000000))

/** The audio stream of a session of that kind. */
static inline tm_stream *tm_stream_of(tm_session *session)
{
  return (tm_stream *)(void *)session;  // its first member
}
static inline const tm_stream *tm_stream_const_of(const tm_session *session)
{
  return (const tm_stream *)(const void *)session;
}

/** Makes every part of a stream that needs no thread; nothing to be released when it fails. */
tm_stream *tm_stream_create(tm_engine *engine, const tm_stream_options *options, uint32_t id, tm_error *error);
/** Frees what is left of a stream that no thread knows any more. */
void tm_stream_free(tm_stream *stream);

/** Control thread: opens what `endpoint` says. NULL with `error`. */
tm_source *tm_stream_open_source(tm_stream *stream, const tm_endpoint *endpoint, tm_error *error);
tm_sink *tm_stream_open_sink(tm_stream *stream, const tm_endpoint *endpoint, tm_error *error);
/** No codec thread uses it any more. NULL is nothing. */
void tm_stream_close_source(tm_stream *stream, tm_source *source);
/** The same; the file is whole afterwards, and trouble with it is told. */
void tm_stream_close_sink(tm_stream *stream, tm_sink *sink);

tm_coding *tm_coding_create(const tm_codec_config *config, uint32_t id, tm_error *error);
void tm_coding_destroy(tm_coding *coding);

/** Fills `error` and returns its status. `code` is an errno or an ALSA code (negative or positive), 0: none. */
tm_engine_status tm_error_set(tm_error *error, tm_engine_status status, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
