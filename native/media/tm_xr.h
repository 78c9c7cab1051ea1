// RFC 3611: extended reports (PT 207) with the VoIP metrics block (4.7). Pure functions, any thread.
#ifndef TM_XR_H
#define TM_XR_H

#include "tm_bursts.h"
#include "tm_rtcp.h"
#include "tm_status.h"

enum {
  TM_XR_VOIP_METRICS = 7,      // block type
  TM_XR_VOIP_BYTES = 44,       // of a packet with this block alone
  TM_XR_UNAVAILABLE = 127,     // of levels, RERL, R factors and MOS
};

typedef enum tm_xr_concealment { TM_XR_PLC_UNSPECIFIED = 0, TM_XR_PLC_DISABLED, TM_XR_PLC_ENHANCED, TM_XR_PLC_STANDARD } tm_xr_concealment;
typedef enum tm_xr_jitter_buffer { TM_XR_JB_UNKNOWN = 0, TM_XR_JB_RESERVED, TM_XR_JB_FIXED, TM_XR_JB_ADAPTIVE } tm_xr_jitter_buffer;

/// 4.7: field by field as on the wire.
typedef struct tm_xr_voip {
  uint32_t ssrc;              // of the source this speaks of
  uint8_t loss_rate;          // of 256: lost in the network
  uint8_t discard_rate;       // of 256: came too late or too early
  uint8_t burst_density;      // of 256: impaired packets of those in bursts
  uint8_t gap_density;        // of 256
  uint16_t burst_ms;          // mean length
  uint16_t gap_ms;
  uint16_t round_trip_ms;     // between the RTP interfaces; 0: not known
  uint16_t end_system_ms;     // both ways inside this end
  int8_t signal_dbm0;         // 127: not known, as the next
  int8_t noise_dbm0;
  uint8_t rerl_db;            // residual echo return loss
  uint8_t gmin;
  uint8_t r_factor;           // 0..100
  uint8_t external_r_factor;
  uint8_t mos_listening;      // 10..50
  uint8_t mos_conversation;
  tm_xr_concealment concealment;
  tm_xr_jitter_buffer jitter_buffer;
  uint8_t jitter_buffer_rate; // 0..15: it follows a step from 30 to 100 ms of jitter in twice as many packets (4.7.7)
  uint16_t nominal_ms;        // of the jitter buffer: now, largest delay that adapts now, largest that it ever takes
  uint16_t maximum_ms;
  uint16_t absolute_ms;
} tm_xr_voip;

/// One XR packet of `sender` with one VoIP metrics block. Errors: SPACE.
tm_status tm_xr_write_voip(uint32_t sender, const tm_xr_voip *voip, uint8_t *out, size_t capacity, size_t *written);
/// The VoIP metrics block about `source` in an XR packet. NOT_FOUND when there is none, MALFORMED when it is no XR packet or a block has a
/// length that is not its type's, TRUNCATED when one is longer than the packet.
tm_status tm_xr_read_voip(const tm_rtcp_packet *packet, uint32_t source, tm_xr_voip *voip);

/// Densities and lengths of bursts and gaps (4.7.2) with packets of packet_ms.
void tm_xr_take_bursts(tm_xr_voip *voip, const tm_burst_totals *totals, double packet_ms);
/// part / whole as 1/256, at most 255.
uint8_t tm_xr_fraction(uint64_t part, uint64_t whole);

#endif
