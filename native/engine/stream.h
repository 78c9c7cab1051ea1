// One stream as its three threads see it. Each member belongs to one thread; what crosses is a ring, a queue or an atomic.
#ifndef TM_ENGINE_STREAM_H
#define TM_ENGINE_STREAM_H

#include <stdatomic.h>

#include "audio.h"
#include "engine.h"
#include "net.h"
#include "origin.h"
#include "tm_codec.h"
#include "tm_dtmf.h"
#include "tm_level.h"
#include "tm_receiver.h"
#include "tm_ring.h"
#include "tm_rtp_stats.h"

enum {
  TM_UNIT_MS = 20,  // what a codec codes at once, and the beat of both threads
  TM_MAX_UNITS_PER_PACKET = 4,  // 26.114 7.4.2: never more than 4 frames that are no repetition
  TM_DATAGRAM_OCTETS = 2048,
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
} tm_tx_record;

/** How beats become packets: `units` each, the first of one at every beat that is `phase` modulo `units`. */
typedef struct {
  unsigned units, phase;
} tm_packing;

/** How much one socket may bring in one beat: the rest of a flood waits in the kernel or is dropped there. */
typedef struct {
  unsigned left;
  int64_t refill_ns;
  bool deaf;  // not listened to until then
} tm_intake;

/** What the packet thread has to know; handed over by value. */
typedef struct {
  tm_address remote, remote_rtcp;
  uint32_t coding;
  uint32_t clock_hz;
  int receive_payload_type;
  int dtmf_payload_type, dtmf_receive_payload_type;
  uint32_t dtmf_clock_hz;
  uint32_t rtcp_senders_bps, rtcp_receivers_bps;
  tm_packing packing;
  bool send, receive;
  char cname[TM_ENGINE_MAX_CNAME];
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
  atomic_uint_fast64_t packets_sent, octets_sent, packets_received, octets_received, packets_lost, packets_discarded;
  atomic_uint_fast64_t rtcp_sent, rtcp_received, ticks_missed, send_errors, dtmf_sent, dtmf_received;
  atomic_uint_fast32_t jitter_us, remote_ssrc;
  atomic_int_fast64_t rtt_us, far_loss_256;  // negative: unknown
  // codec thread
  atomic_uint_fast64_t packets_late, codec_discarded, concealed_us, sample_hz, playout_us;
  atomic_int_fast32_t level_in_centi, level_out_centi;  // dBov * 100
} tm_counters;

typedef struct {
  bool configured, closing;
  tm_packet_config config;
  uint64_t next_unit;
  int64_t retry_ns;  // a frame was not there at its time: look again then; TM_NEVER: no
  uint16_t sequence;
  bool marker;       // set on the next packet
  bool flowing;      // a packet was there since sending was switched on
  bool sent_any, rtcp_any;
  uint64_t sent_at_report[2];  // packets_sent at the last two reports
  uint32_t last_timestamp;  // of the last beat, sent or not
  int64_t last_due_ns;
  int64_t next_rtcp_ns;
  double rtcp_average;
  uint64_t random;
  bool has_source, heard;
  tm_rtp_source source;
  uint64_t lost_before;  // of earlier sources
  int64_t source_heard_ns;
  uint32_t candidate_ssrc;
  uint16_t candidate_sequence;
  bool has_candidate;
  tm_origin origin;
  bool connected;  // the kernel keeps everybody else out
  tm_intake rtp_intake, rtcp_intake;
  uint64_t received_at_report;
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
  uint64_t concealed_before, late_before, bad_before;  // of earlier codings; concealed in microseconds
  tm_level level_in, level_out;
  uint32_t level_hz;
} tm_codec_side;

typedef struct tm_stream {
  tm_engine *engine;
  uint32_t id;
  int64_t base_ns;  // beat k is due at base_ns + k * TM_UNIT_MS
  tm_socket_pair sockets;
  sa_family_t family;
  uint32_t ssrc;
  tm_ring *rx, *tx;
  tm_source source;
  tm_sink sink;
  tm_counters counters;
  tm_packet_side packet;
  tm_codec_side codec;
  // control thread
  uint16_t port;
  uint32_t codings;
  tm_codec_config coding_config;
  tm_packing packing;
  bool sends;
  bool has_coding, has_dtmf, close_asked;
} tm_stream;

#define TM_UNIT_NS (TM_UNIT_MS * INT64_C(1000000))

/** Makes every part of a stream that needs no thread; nothing to be released when it fails. */
tm_stream *tm_stream_create(tm_engine *engine, const tm_stream_options *options, uint32_t id, tm_error *error);
/** Frees what is left of a stream that no thread knows any more. The sink is finished by tm_sink_close before. */
void tm_stream_free(tm_stream *stream);

tm_coding *tm_coding_create(const tm_codec_config *config, uint32_t id, tm_error *error);
void tm_coding_destroy(tm_coding *coding);

/** Fills `error` and returns its status. `code` is an errno or an ALSA code (negative or positive), 0: none. */
tm_engine_status tm_error_set(tm_error *error, tm_engine_status status, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static inline void tm_count(atomic_uint_fast64_t *counter, uint64_t by)
{
  // One writer each: no read-modify-write needed.
  atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by, memory_order_relaxed);
}

#endif
