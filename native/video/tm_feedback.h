// RFC 4585 6, RFC 5104 4: RTCP feedback: NACK, PLI, FIR, TMMBR, TMMBN read and built; SLI and others known and left alone. Pure
// functions, any thread.
#ifndef TM_FEEDBACK_H
#define TM_FEEDBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_rtcp.h"
#include "tm_status.h"

enum {
  TM_FEEDBACK_MAX_ITEMS = 32, // items that are built into one message; reading takes any number
};

typedef enum tm_feedback_kind {
  TM_FEEDBACK_OTHER = 0, // a message that we do not use
  TM_FEEDBACK_NACK,      // RTPFB 1
  TM_FEEDBACK_TMMBR,     // RTPFB 3
  TM_FEEDBACK_TMMBN,     // RTPFB 4
  TM_FEEDBACK_PLI,       // PSFB 1
  TM_FEEDBACK_SLI,       // PSFB 2: read as such, never obeyed
  TM_FEEDBACK_FIR,       // PSFB 4
} tm_feedback_kind;

/// One feedback message inside the parsed buffer. `items` are FCI entries of the kind's size.
typedef struct tm_feedback {
  tm_feedback_kind kind;
  uint32_t sender_ssrc; // who asks
  uint32_t media_ssrc;  // about whom; 0 in FIR and TMMBR (RFC 5104 4.3.1.2)
  const uint8_t *fci;
  size_t items;
} tm_feedback;

/// One bound of TMMBR or TMMBN (RFC 5104 4.2.1.1).
typedef struct tm_bitrate_bound {
  uint32_t ssrc;         // TMMBR: whom it binds; TMMBN: who set it
  uint64_t bits_per_second; // of media with the overhead below; written rounded down to 17 bits of mantissa
  uint16_t overhead;     // octets a packet of headers, 0..511
} tm_bitrate_bound;

/// MALFORMED: not PT 205/206, or FCI of a length that its kind can't have. TRUNCATED: shorter than its two SSRC.
tm_status tm_feedback_read(const tm_rtcp_packet *packet, tm_feedback *feedback);
/// Item `index` < items of a NACK: PID and bitmask of the 16 after it. ARGUMENT otherwise.
tm_status tm_feedback_nack_at(const tm_feedback *feedback, size_t index, uint16_t *sequence, uint16_t *following);
/// All sequence numbers of a NACK, in order of the items; returns how many of `capacity` were written.
size_t tm_feedback_nack_list(const tm_feedback *feedback, uint16_t *sequences, size_t capacity);
/// Whether a FIR has an entry for `ssrc`; the sequence number of the last one.
bool tm_feedback_fir_for(const tm_feedback *feedback, uint32_t ssrc, uint8_t *number);
/// Item of TMMBR or TMMBN; bitrates beyond 64 bits become UINT64_MAX.
tm_status tm_feedback_bound_at(const tm_feedback *feedback, size_t index, tm_bitrate_bound *bound);
/// The lowest bound in a TMMBR for `ssrc`.
bool tm_feedback_bound_for(const tm_feedback *feedback, uint32_t ssrc, tm_bitrate_bound *bound);

/// Builders write one RTCP packet: it follows SR/RR and SDES in a compound, or stands alone where reduced size was agreed (RFC 5506).
/// Errors: ARGUMENT (count 0 or beyond what fits), SPACE.
tm_status tm_feedback_build_pli(uint32_t sender, uint32_t media, uint8_t *out, size_t capacity, size_t *written);
tm_status tm_feedback_build_fir(uint32_t sender, uint32_t target, uint8_t number, uint8_t *out, size_t capacity, size_t *written);
/// `sequences` ascending (modulo 2^16). What needs more than TM_FEEDBACK_MAX_ITEMS items is left out, the newest first.
tm_status tm_feedback_build_nack(uint32_t sender, uint32_t media, const uint16_t *sequences, size_t count, uint8_t *out,
                                 size_t capacity, size_t *written);
/// `kind` TMMBR (1..32 bounds) or TMMBN (0..32: none is an empty bounding set).
tm_status tm_feedback_build_bounds(tm_feedback_kind kind, uint32_t sender, const tm_bitrate_bound *bounds, size_t count, uint8_t *out,
                                   size_t capacity, size_t *written);
/// A whole datagram: SR or RR + SDES as `lead` says and then `feedback`; with lead NULL the feedback alone (reduced size).
tm_status tm_feedback_datagram(const tm_rtcp_content *lead, const uint8_t *feedback, size_t bytes, uint8_t *out, size_t capacity,
                               size_t *written);

#endif
