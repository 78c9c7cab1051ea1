// What audio and video streams share in the packet thread: sockets, SSRC and sequence, whose packets are taken, source statistics, RTCP in
// its time, intake limits, counters. A stream embeds one as its first member and says by tm_session_kind what is its own.
#ifndef TM_ENGINE_SESSION_H
#define TM_ENGINE_SESSION_H

#include <stdatomic.h>

#include "engine.h"
#include "keys.h"
#include "net.h"
#include "origin.h"
#include "tm_early.h"
#include "tm_keepalive.h"
#include "tm_rtcp.h"
#include "tm_rtp.h"
#include "tm_rtp_stats.h"

enum {
  TM_DATAGRAM_OCTETS = 2048,
  TM_MAX_FEEDBACK = 512,       // octets of feedback in one datagram
  TM_MAX_EXTENSION = 128,      // octets that a kind of stream adds to a report
  TM_MAX_SENT_PAYLOAD = 1400,  // octets of RTP payload, so that every datagram fits an Ethernet with its headers
};

typedef enum { TM_MEDIA_AUDIO, TM_MEDIA_VIDEO } tm_media;

typedef struct tm_session tm_session;
struct tm_command;

/** What a received RTP packet is to the stream. */
typedef enum {
  TM_PACKET_UNKNOWN,  // no payload type that was negotiated, or no payload: makes no source (keep-alive)
  TM_PACKET_MEDIA,
  TM_PACKET_EVENT,    // negotiated, but its timestamp is no measure of transit (RFC 4733)
} tm_packet_class;

/** How much one socket may bring in one beat: the rest of a flood waits in the kernel or is dropped there. */
typedef struct {
  unsigned left;
  int64_t refill_ns;
  bool deaf;  // not listened to until then
} tm_intake;

/** With what the packets of a path are protected. `send` belongs to the stream's keys. */
typedef struct {
  bool on;
  tm_srtp *send;
} tm_shield;

/** A way to a peer with a NAT binding to be kept. */
typedef struct {
  tm_address remote, remote_rtcp;
  tm_keepalive keepalive;
  tm_shield shield;
} tm_path;

/** Further early dialogs: made by the control thread, handed over with a configuration. */
typedef struct {
  unsigned count;
  tm_path paths[];
} tm_further_paths;

/** What the packet thread has to know of every stream; handed over by value. */
typedef struct {
  tm_address remote, remote_rtcp;  // unspecified: nothing is sent there
  uint32_t clock_hz;
  bool send, receive;
  uint32_t rtcp_senders_bps, rtcp_receivers_bps;  // both 0: none is sent
  tm_early_config rtcp_early;                     // without AVPF reports keep to the minimum of RFC 3550 6.2
  bool rtcp_reduced;                              // RFC 5506 was negotiated: what comes may begin with feedback
  tm_keepalive_config keepalive;
  tm_further_paths *further;                      // owned; NULL: none
  tm_shield shield;
  tm_srtp *srtp_receive;                          // of the stream's keys
  tm_key *retired;                                // owned; contexts that no configuration names any more
  unsigned intake;                                // RTP packets taken in 20 ms, 0: default
  char cname[TM_ENGINE_MAX_CNAME];
} tm_session_config;

/** Written by the packet thread, read by anyone. Relaxed: every value stands for itself. */
typedef struct {
  atomic_uint_fast64_t packets_sent, octets_sent, packets_received, octets_received, packets_lost, packets_discarded;
  atomic_uint_fast64_t rtcp_sent, rtcp_received, send_errors, keepalives_sent;
  atomic_uint_fast64_t srtp_failures;
  atomic_uint_fast64_t far_reports;  // blocks about our SSRC
  atomic_uint_fast32_t jitter_us, remote_ssrc;
  atomic_int_fast64_t rtt_us, far_loss_256;  // negative: unknown
} tm_session_counters;

/** What a kind of stream does where kinds differ. Packet thread, unless said otherwise; no function may wait or allocate there. */
typedef struct {
  tm_media media;
  tm_packet_class (*classify)(const tm_session *session, const tm_rtp_packet *packet);
  /** A packet of the source, counted already, in the order of arrival; only while `receive` is on. */
  void (*take)(tm_session *session, const tm_rtp_packet *packet, tm_packet_class class, int64_t now);
  /** One RTCP packet of PT 205 or 206 from a welcome host, its compound checked. NULL: of no interest. */
  void (*feedback)(tm_session *session, const tm_rtcp_packet *packet, int64_t now);
  /** Feedback that had to wait, as it is now: whole RTCP packets to `out`; returns octets, 0 when there is no more need. NULL: never any. */
  size_t (*owed)(tm_session *session, uint8_t *out, size_t capacity, int64_t now);
  /** A BYE of this SSRC (RFC 3550 6.6). NULL: of no interest. */
  void (*left)(tm_session *session, uint32_t ssrc, int64_t now);
  /** A report block about our SSRC (RFC 3550 6.4.1). NULL: of no interest. */
  void (*report)(tm_session *session, const tm_rtcp_report *report, int64_t now);
  /** Whole RTCP packets that go into a scheduled report about the source, written to `out`; returns octets. NULL: none. */
  size_t (*extend)(tm_session *session, uint8_t *out, size_t capacity, int64_t now);
  /** One extended report (RFC 3611, PT 207) from a welcome host, its compound checked. NULL: of no interest. */
  void (*extended)(tm_session *session, const tm_rtcp_packet *packet, int64_t now);
  /** A command of another thread; ADD, CLOSE and QUIT are done by the packet thread itself. */
  void (*obey)(tm_session *session, const struct tm_command *command, int64_t now);
  /** At every wake-up, before sockets are read; `deadline` tells when the next has to come at the latest (TM_NEVER: no wish). */
  void (*beat)(tm_session *session, int64_t now);
  int64_t (*deadline)(const tm_session *session, int64_t now);
  /** After BYE: hands the stream to the thread that comes next. False: not possible now, asked again. */
  bool (*pass_on)(tm_session *session);
  /** Housekeeping thread, every 50 ms while any says true: files to be written. */
  bool (*flush)(tm_session *session);
  /** Housekeeping thread: any other command. NULL: there is none. */
  void (*tidy)(tm_session *session, const struct tm_command *command);
  /** Control thread: marks and sizes of a socket that is to be used. NULL: those of every kind will do. */
  void (*prepare)(sa_family_t family, int fd);
  /** Housekeeping thread, last of all (TM_COMMAND_CLOSE to it): lets go of files and devices; sockets are closed after it. */
  void (*finish)(tm_session *session);
  /** Control thread, when TM_EVENT_CLOSED was taken, or when opening failed. */
  void (*free)(tm_session *session);
} tm_session_kind;

struct tm_session {
  const tm_session_kind *kind;
  tm_engine *engine;
  uint32_t id;
  tm_socket_pair sockets;
  uint16_t port;
  uint32_t ssrc;
  tm_session_counters counters;
  // control thread
  sa_family_t family;  // of the sockets that were opened last
  bool close_asked;
  const char *suite;  // of what is sent; NULL: plain RTP
  tm_keys keys;
  // packet thread
  bool configured, closing;
  tm_session_config config;
  uint16_t sequence;
  bool sent_any, rtcp_any;
  uint64_t media_sent;         // packets, without keep-alives
  uint64_t sent_at_report[2];  // media_sent at the last two reports
  tm_keepalive keepalive;      // of the path to the remote
  tm_srtp *srtp_before;        // what was received with until the keys changed, until before_until_ns
  int64_t before_until_ns;
  bool settled;                // the new key was heard
  uint32_t timestamp;          // of the RTP timeline at `timestamp_ns`
  int64_t timestamp_ns;
  int64_t next_rtcp_ns;  // without AVPF
  tm_early early;
  double rtcp_average;
  uint64_t random;
  bool has_source, heard;
  tm_rtp_source source;
  uint64_t lost_before;  // of earlier sources
  int64_t source_heard_ns, elsewhere_told_ns;
  uint32_t candidate_ssrc;
  uint16_t candidate_sequence;
  bool has_candidate;
  tm_origin origin;
  bool connected;  // the kernel keeps everybody else out
  tm_intake rtp_intake, rtcp_intake;
  uint64_t received_at_report;
};

/** Control thread: draws SSRC, sequence and timestamp, binds the ports. Nothing has to be released when it fails. */
tm_engine_status tm_session_init(tm_session *session, const tm_session_kind *kind, tm_engine *engine, uint32_t id,
                                 const char *address, uint16_t port_from, uint16_t port_to, tm_error *error);
/**
 * Control thread: binds new ports at another address and hands them to the packet thread, which lets go of the old ones. Streams, keys and
 * counters go on. At an address of the other family nothing is sent until a remote of that family is configured. ADDRESS, PORTS, LIMIT:
 * nothing was changed.
 */
tm_engine_status tm_session_move(tm_session *session, const char *address, uint16_t port_from, uint16_t port_to, tm_error *error);
/** Control thread: closes what is left. */
void tm_session_release(tm_session *session);

/** Control thread: parses the remote's addresses (`rtcp_address` NULL or "": as RTP; `rtcp_port` 0: port + 1) into `config`. */
tm_engine_status tm_session_addresses(const tm_session *session, const char *address, uint16_t port, const char *rtcp_address,
                                      uint16_t rtcp_port, tm_session_config *config, tm_error *error);

/**
 * Control thread: checks `path` and puts it into `config`, which then owns what tm_session_config_drop frees. Once the configuration
 * is as good as on its way, tm_session_path_taken gives it the keys along that nobody needs any more.
 */
tm_engine_status tm_session_path(tm_session *session, const tm_path_config *path, tm_session_config *config, tm_error *error);
void tm_session_path_taken(tm_session *session, const tm_path_config *path, tm_session_config *config);
/** Control thread: the suite of what is sent, NULL for plain RTP. */
const char *tm_session_suite(const tm_session *session);
void tm_session_config_drop(tm_session_config *config);

// Packet thread.
/** Takes the sockets in place of its own, which are closed. Nobody was heard at the new ones yet. */
void tm_session_adopt(tm_session *session, const tm_socket_pair *sockets, int64_t now);
void tm_session_configure(tm_session *session, const tm_session_config *config, int64_t now);
/** The RTP timeline: `timestamp` is that of the moment `at_ns`. Reports and keep-alives go on from there. */
void tm_session_timeline(tm_session *session, uint32_t timestamp, int64_t at_ns);
uint32_t tm_session_timestamp_at(const tm_session *session, int64_t now);
/** Sends one packet to the remote; SSRC and sequence are filled in. False (and counted): it did not leave. */
bool tm_session_send(tm_session *session, tm_rtp_packet *packet);
/** The same packet once more, its sequence number as it was: no media of its own for reports. False: it did not leave. */
bool tm_session_send_again(tm_session *session, const tm_rtp_packet *packet);
/** Keep-alives that are due, to all paths; and when the next will be. */
void tm_session_beat(tm_session *session, int64_t now);
int64_t tm_session_deadline(const tm_session *session);
/** Takes datagrams that wait, a few at a time. False: this beat has brought enough, listen again at the intake's refill_ns. */
bool tm_session_receive(tm_session *session);
/** One datagram that came from `from`; aligned to 4, decrypted in place. */
void tm_session_take(tm_session *session, uint8_t *datagram, size_t octets, const tm_address *from, int64_t now);
/** One datagram out of at most `most` in 20 ms. False: none is left. */
bool tm_intake_take(tm_intake *intake, unsigned most, int64_t now);

bool tm_rtcp_receive(tm_session *session);
void tm_rtcp_schedule(tm_session *session, int64_t now);
void tm_rtcp_beat(tm_session *session, int64_t now);
void tm_rtcp_bye(tm_session *session, int64_t now);
/** MD-2.9.1g: an RR without blocks (an SR once media was sent) that opens a path. Nothing when RTCP is off. */
void tm_rtcp_open(tm_session *session, const tm_address *to, const tm_shield *shield, int64_t now);
/** When tm_rtcp_beat is needed next. */
int64_t tm_rtcp_deadline(const tm_session *session);

typedef enum {
  TM_FEEDBACK_LEFT,
  TM_FEEDBACK_WAITS,  // RFC 4585 3.5.2: its turn comes, the kind's `owed` will be asked
  TM_FEEDBACK_LOST,   // RTCP is off, or it did not leave
} tm_feedback_fate;
/**
 * Feedback (whole RTCP packets, PT 205/206) out of the schedule, as far as its share allows (`tm_early.h`); `urgent`: in any case. It goes behind
 * a report and CNAME, or alone where reduced size was agreed (RFC 5506).
 */
tm_feedback_fate tm_rtcp_feedback(tm_session *session, const uint8_t *feedback, size_t octets, bool urgent, int64_t now);

static inline void tm_count(atomic_uint_fast64_t *counter, uint64_t by)
{
  // One writer each: no read-modify-write needed.
  atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by, memory_order_relaxed);
}

#endif
