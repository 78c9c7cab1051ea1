// The real-time media engine: streams of RTP between a network address and a source and sink; those of video are in video.h.
//
// Threads: every function here is for one control thread (the JavaScript thread, or a test's main), except where it says so. What the
// control thread asks reaches the packet and codec threads by lock-free queues; what happened comes back as events.
// Lifetime: the engine outlives its streams; a stream is gone when its TM_EVENT_CLOSED was taken, not before.
#ifndef TM_ENGINE_H
#define TM_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_keepalive.h"
#include "tm_srtp.h"
#include "tm_progress.h"
#include "tm_room.h"

enum {
  TM_ENGINE_MAX_STREAMS = 256,
  TM_ENGINE_MAX_CNAME = 64,     // octets with the final zero
  TM_ENGINE_MAX_DIGITS = 64,    // DTMF digits that wait in one request
  TM_ENGINE_TEXT_OCTETS = 160,  // of an error or event text
  TM_ENGINE_MAX_PLACES = 40,    // further early dialogs whose NAT bindings are kept
  TM_ENGINE_ADDRESS_OCTETS = 48,  // IP literal with the final zero
};

/** Who or what went wrong; `code` of tm_error is the errno or ALSA code behind it, 0 if none. */
typedef enum {
  TM_ENGINE_OK = 0,
  TM_ENGINE_MEMORY,    // out of memory or of file descriptors
  TM_ENGINE_THREAD,    // a thread could not be made
  TM_ENGINE_LIMIT,     // TM_ENGINE_MAX_STREAMS reached or a command queue full
  TM_ENGINE_ARGUMENT,  // a value outside of what the function takes
  TM_ENGINE_ADDRESS,   // no IP literal, other family than the local one, or not an address of this host
  TM_ENGINE_PORTS,     // no free port pair in the range
  TM_ENGINE_CODEC,     // unknown codec, or a clock rate or packet time that it does not have
  TM_ENGINE_FILE,      // cannot be opened, read, written; or is no WAV with PCM 16 bit
  TM_ENGINE_DEVICE,    // no such audio device, or it went away
} tm_engine_status;

typedef struct {
  tm_engine_status status;
  int code;
  char text[TM_ENGINE_TEXT_OCTETS];
} tm_error;

typedef enum { TM_ENDPOINT_NULL, TM_ENDPOINT_TONE, TM_ENDPOINT_FILE, TM_ENDPOINT_DEVICE, TM_ENDPOINT_BRIDGE } tm_endpoint_kind;

/** Where sound comes from or goes to. `name`: path of a WAV file, ALSA PCM name, or bridge: a stream hears all others whose source
 * and sink have the same bridge. `hertz`: of a tone (source only). */
typedef struct {
  tm_endpoint_kind kind;
  const char *name;
  double hertz;
} tm_endpoint;

/** Where another early dialog of the same offer wants its media. */
typedef struct {
  const char *address;  // IP literal of the local socket's family
  uint16_t port;
  const char *rtcp_address;  // NULL or "": as RTP
  uint16_t rtcp_port;        // 0: RTP port + 1
  const tm_srtp_policy *srtp_send;  // each answer chooses its suite and so its key; NULL: plain RTP goes there
} tm_place;

/** What streams of every kind are told of their way through NATs and its protection. All zero: no keep-alive, plain RTP. */
typedef struct {
  tm_keepalive_config keepalive;
  const tm_place *also;  // each gets keep-alives of its own
  size_t also_count;     // at most TM_ENGINE_MAX_PLACES
  /**
   * SRTP and SRTCP: both or none. A suite and key that were given before, to a further place too: rollover counter and replay list go on,
   * over hold, plain RTP and other keys in between. With it nothing leaves and nothing is taken that is not protected; what the peer
   * protected with the key before is taken for a short while (secure.h).
   */
  const tm_srtp_policy *srtp_send, *srtp_receive;
} tm_path_config;

typedef enum {
  TM_CODEC_NAME_PCMU,
  TM_CODEC_NAME_PCMA,
  TM_CODEC_NAME_AMR_WB,
  TM_CODEC_NAME_AMR,
  TM_CODEC_NAME_G722,
  TM_CODEC_NAME_OPUS,
} tm_codec_name;

typedef struct {
  const char *remote_address;  // IP literal of the local socket's family
  uint16_t remote_port;
  const char *remote_rtcp_address;  // NULL: as RTP; the unspecified address of either: nothing is sent there (RFC 3264 8.4)
  uint16_t remote_rtcp_port;        // 0: RTP port + 1
  tm_codec_name codec;
  uint8_t payload_type;          // of what is sent
  uint8_t receive_payload_type;  // each side names what it wants to receive (RFC 3264 6.1)
  bool octet_aligned;          // AMR, AMR-WB: RFC 4867 4.4
  uint16_t mode_set;           // AMR, AMR-WB: bit n allows mode n; 0 allows all
  uint8_t mode_change_period;  // AMR, AMR-WB: 1 or 2 frames between changes of what is sent; 0: 2, the 26.114 default
  bool any_mode_change;        // AMR, AMR-WB: not only to the neighbour in the set, the 26.114 default
  bool dtx;                    // AMR, AMR-WB, opus: silence is not sent
  bool fec;                    // opus: useinbandfec=1 of the peer
  uint32_t max_bps;            // opus: maxaveragebitrate of the peer; 0: none
  int dtmf_payload_type, dtmf_receive_payload_type;  // RFC 4733; both -1: none negotiated
  uint32_t dtmf_clock_rate;
  uint16_t ptime_ms;  // of what is sent: whole units of 20 ms, at most 80 ms (26.114 7.4.2); up to 240 ms are received
  bool send;
  bool receive;
  uint32_t rtcp_senders_bps, rtcp_receivers_bps;  // b=RS, b=RR, bit/s; both 0: no RTCP is sent, what comes is taken
  bool extended_reports;            // RFC 3611 VoIP metrics are sent (a=rtcp-xr:voip-metrics); what comes is taken in any case
  char cname[TM_ENGINE_MAX_CNAME];  // RFC 3550 6.5.1
  tm_path_config path;
} tm_stream_config;

/** All counters run from the opening of the stream. A snapshot is taken without stopping anybody: single values are exact, sums may be a packet apart. */
typedef struct {
  uint64_t packets_sent, octets_sent;          // RTP, payload octets
  uint64_t packets_received, octets_received;  // RTP accepted
  uint64_t packets_lost;                       // RFC 3550 A.3
  uint64_t packets_late;                       // came after their time to be played
  uint64_t packets_discarded;                  // malformed, other payload type, from elsewhere, duplicate, or ring full
  uint64_t rtcp_sent, rtcp_received;
  uint64_t concealed_ms;                       // sound made up for missing packets
  uint64_t ticks_missed;                       // packet times at which no frame was ready, once packets flow
  uint64_t send_errors;                        // ICMP errors and full socket buffers
  uint64_t dtmf_sent, dtmf_received;
  uint64_t srtp_failures;                      // packets dropped as forged, replayed, of another key or not protected; or not protectable
  uint64_t keepalives_sent;                    // of packets_sent, and those to further places
  double jitter_ms;     // interarrival, RFC 3550 6.4.1
  double playout_ms;    // present delay of the jitter buffer
  double rtt_ms;        // negative: not known yet
  double far_loss;      // fraction the peer reports, 0 to 1; negative: not known yet
  double delay_ms;      // mouth to ear, one way, as far as both ends are known; negative: not known yet
  double r_local;       // G.107 rating of what is heard here, 0 to 93.2, wideband 0 to 129 (G.107.1); negative: nothing heard yet
  double mos_local;     // the same as an opinion score, 1 to 4.5, of the conversation
  double mos_far;       // of what the peer hears: by its RFC 3611 report, else rated from the loss it reports
  double far_discard;   // fraction that came too late for the peer; from its RFC 3611 report, as the next; negative: none came
  double far_playout_ms;
  double burst_density, gap_density;  // RFC 3611 4.7.2: fraction impaired in bursts, in gaps
  uint64_t bursts;
  double level_in_dbov;   // captured, -127 to 0
  double level_out_dbov;  // played
  bool echo_known;      // the two below: the capture device's room has heard the far talker for some seconds
  double erl_db, erle_db;  // echo return loss of the room, and what was taken away on top (tm_room_stats)
  int echo_delay_ms;    // negative: not known
  const char *srtp_suite;  // NULL: plain RTP
  uint32_t ssrc;
  uint32_t remote_ssrc;  // 0: none heard
} tm_stream_stats;

typedef enum {
  TM_EVENT_FIRST_PACKET,  // first RTP packet since the stream was opened, or was given another remote
  TM_EVENT_DTMF,          // digit, duration_ms
  TM_EVENT_TROUBLE,       // error: device gone, file full; the stream goes on with silence
  TM_EVENT_RECOVERED,     // the device is back
  TM_EVENT_CLOSED,        // the last event of a stream: its file is whole, its ports are free
  TM_EVENT_FIRST_FRAME,   // video: the first picture that can be decoded since the stream was opened; width, height
  TM_EVENT_FRAMES,        // video: pictures wait for tm_video_next_frame; told once until one was asked for
  TM_EVENT_ELSEWHERE,     // media comes from a further place: address, port, and whether the remote sends as well; at most once a second
} tm_event_kind;

typedef struct {
  tm_event_kind kind;
  uint32_t stream;  // id
  char digit;
  uint32_t duration_ms;
  uint32_t width, height;
  char address[TM_ENGINE_ADDRESS_OCTETS];
  uint16_t port;
  bool present;
  tm_error error;
} tm_event;

/** What tm_engine_measure_delay found. */
typedef struct {
  double delay_ms;    // from the moment at which the sound system plays to the one at which it hears: air, converters and what it does not know of
  double confidence;  // 0: a guess, 1: beyond doubt
  double echo_db;     // level of the echo against what was played; negative: softer
} tm_delay_measure;

typedef struct {
  bool realtime;  // try SCHED_FIFO
  unsigned video_width, video_height;  // largest picture that is taken from a camera and encoded; 0: 640x480
  tm_room_options room;  // what is done to the sound of capture devices; all false: nothing
  /** Events wait. Called on a thread of the engine that is no real-time thread; must return soon. May be NULL. */
  void (*notify)(void *context);
  void *context;
} tm_engine_options;

typedef struct {
  const char *address;  // local IP literal
  uint16_t port_from, port_to;  // inclusive; both 0: any
  tm_endpoint capture, playback;
} tm_stream_options;

typedef struct tm_engine tm_engine;

/** Starts the threads. NULL with `error` filled when that failed. */
tm_engine *tm_engine_create(const tm_engine_options *options, tm_error *error);

/** Closes every stream at once (files are finished, BYE is sent) and ends the threads. No event comes afterwards. */
void tm_engine_destroy(tm_engine *engine);

/** True when the packet thread runs under SCHED_FIFO. */
bool tm_engine_is_realtime(const tm_engine *engine);

/**
 * Opens ports, source and sink; nothing is sent before tm_stream_configure. Files and devices are opened here, so this may take milliseconds:
 * who wants the ports only leaves both ends at TM_ENDPOINT_NULL and attaches later.
 */
tm_engine_status tm_stream_open(tm_engine *engine, const tm_stream_options *options, uint32_t *stream, tm_error *error);

/**
 * Other ends of the sound, in mid-stream too; NULL: that one stays. What is replaced is finished and let go. FILE, DEVICE, ARGUMENT:
 * nothing was changed. A file that is written now must not be named again.
 */
tm_engine_status tm_stream_attach(tm_engine *engine, uint32_t stream, const tm_endpoint *capture, const tm_endpoint *playback,
                                  tm_error *error);
uint16_t tm_stream_port(const tm_engine *engine, uint32_t stream);
/**
 * New ports at another address of this host; streams of every kind. The old ones are let go, all else goes on: the timeline, keys, counters,
 * devices, files. At an address of the other family nothing is sent until a remote of that family is configured. ADDRESS, PORTS, LIMIT: nothing
 * was changed.
 */
tm_engine_status tm_stream_move(tm_engine *engine, uint32_t stream, const char *address, uint16_t port_from, uint16_t port_to,
                                tm_error *error);

/** Sets or changes remote, codec and directions; takes effect at the next packet time. */
tm_engine_status tm_stream_configure(tm_engine *engine, uint32_t stream, const tm_stream_config *config, tm_error *error);

/** Queues digits (0-9 * # A-D) after those that wait. ARGUMENT when no telephone-event is configured. */
tm_engine_status tm_stream_send_dtmf(tm_engine *engine, uint32_t stream, const char *digits, uint32_t duration_ms,
                                     uint32_t gap_ms, tm_error *error);
/**
 * Begins a tone for the person at the playback, NONE ends it. From opening on, no configuration needed. WAITING lies over the far sound, the
 * others take its place; RINGBACK ends by itself when the first sound packet comes. A file gets the far sound only, never a tone.
 */
tm_engine_status tm_stream_tone(tm_engine *engine, uint32_t stream, tm_progress_tone tone, tm_error *error);
tm_engine_status tm_stream_stats_get(const tm_engine *engine, uint32_t stream, tm_stream_stats *stats);

/** BYE, then everything of the stream is let go; TM_EVENT_CLOSED tells when. Idempotent until then. */
tm_engine_status tm_stream_close(tm_engine *engine, uint32_t stream);

/** Takes the oldest event. False when none waits. */
bool tm_engine_next_event(tm_engine *engine, tm_event *event);

/**
 * Plays a chirp of half a second on one device, hears it on another and tells the delay between them (for tm_room_options). Takes about 1.6 s;
 * calls on these devices go on and hear it too. Any thread but real-time ones, with the
 * engine held. DEVICE: not there, or interrupted.
 */
tm_engine_status tm_engine_measure_delay(tm_engine *engine, const char *capture, const char *playback, tm_delay_measure *result,
                                         tm_error *error);
/** Keeps the engine from being destroyed until released: tm_engine_destroy waits, and what measures ends early. Any thread. */
void tm_engine_hold(tm_engine *engine);
void tm_engine_release(tm_engine *engine);
/** The delay that the room of every capture device is told, from now on. ARGUMENT: neither TM_ROOM_DELAY_UNKNOWN nor 0 to TM_ROOM_MAX_DELAY_MS. */
tm_engine_status tm_engine_set_delay(tm_engine *engine, int delay_ms);

/** Audio devices of this host by stable name; calls `each` for one after the other. */
void tm_engine_devices(bool capture, void (*each)(void *context, const char *name, const char *description), void *context);

const char *tm_engine_status_text(tm_engine_status status);

#endif
