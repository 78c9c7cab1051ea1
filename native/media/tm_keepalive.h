// NG.110 2.9.1 (MD-2.9.1a to c), RFC 6263: when an empty RTP packet has to keep a NAT binding. Pure: time is handed in, monotonic
// microseconds. One for each path; plain struct, used from one thread.
#ifndef TM_KEEPALIVE_H
#define TM_KEEPALIVE_H

#include <stdbool.h>
#include <stdint.h>

enum {
  TM_KEEPALIVE_PAYLOAD_TYPE = 20,  // unless negotiated for media; then another unused static one
  TM_KEEPALIVE_BURST_MS = 1000,
  TM_KEEPALIVE_SPACING_MS = 70,  // recommended: 50 to 100
  TM_KEEPALIVE_INTERVAL_MS = 15000,
};
#define TM_KEEPALIVE_NEVER UINT64_MAX

typedef enum {
  TM_KEEPALIVE_EARLY,        // INVITE received or SDP of an early dialog known, no final response yet
  TM_KEEPALIVE_ESTABLISHED,  // a 200 was sent or received
} tm_keepalive_phase;

typedef struct {
  bool enabled;
  tm_keepalive_phase phase;
  uint8_t payload_type;
  uint32_t burst_ms, spacing_ms, interval_ms;  // 0: the recommended value
} tm_keepalive_config;

/** What the table looks at. */
typedef struct {
  bool video;
  bool sends, receives;  // as negotiated
  bool heard;            // media of this stream came (neither keep-alives nor another stream's packets)
  bool streams;          // media of our own left since `sends` was switched on
} tm_keepalive_situation;

typedef enum {
  TM_KEEPALIVE_STEADY,      // whenever nothing was sent for an interval: never on a two-way stream whose media flows
  TM_KEEPALIVE_BURST,       // a burst at the start of each interval
  TM_KEEPALIVE_CONTINUOUS,  // every spacing
} tm_keepalive_pace;

typedef enum {
  TM_KEEPALIVE_NONE,
  TM_KEEPALIVE_PACKET,  // send an empty RTP packet
  TM_KEEPALIVE_OPEN,    // the same, and an empty RTCP report: the path is new
} tm_keepalive_action;

typedef struct {
  tm_keepalive_config config;
  tm_keepalive_situation situation;
  bool opening;
  uint64_t burst_us;  // start of the present interval of bursts
  uint64_t last_us;   // something was sent
} tm_keepalive;

/// The table: one row decides. `clause`, when not NULL, gets the row's clause.
tm_keepalive_pace tm_keepalive_pace_of(tm_keepalive_phase phase, const tm_keepalive_situation *situation, const char **clause);

/// Silent until configured.
void tm_keepalive_init(tm_keepalive *keepalive);

/// At every agreement. The first one, and the step to ESTABLISHED, open the path. Video that is to be received anew has not been heard.
void tm_keepalive_configure(tm_keepalive *keepalive, const tm_keepalive_config *config, bool video, bool sends, bool receives,
                            uint64_t now_us);
/// The peer is at another address: to be opened, and nothing was heard from there.
void tm_keepalive_moved(tm_keepalive *keepalive, uint64_t now_us);
/// Media of the stream came; media of our own left.
void tm_keepalive_heard(tm_keepalive *keepalive);
void tm_keepalive_sent(tm_keepalive *keepalive, uint64_t now_us);

/// What to do now; what it says counts as done.
tm_keepalive_action tm_keepalive_tick(tm_keepalive *keepalive, uint64_t now_us);
/// When to tick next, TM_KEEPALIVE_NEVER when switched off.
uint64_t tm_keepalive_next(const tm_keepalive *keepalive);

#endif
