// RFC 6184 5.2: what a single payload shows without its neighbours.
#include <string.h>

#include "tm_bits.h"
#include "tm_bytes.h"
#include "tm_h264_depay.h"

enum { SIZE_BYTES = 2, FU_HEADER_BYTES = 2, FU_START = 0x80, TYPE_MASK = 0x1F, LAST_SINGLE_TYPE = 23, SLICE_TYPES = 5, MAX_SLICE_TYPE = 9 };

// `body`: what follows the NAL header.
static void note(tm_h264_glance *glance, uint8_t type, const uint8_t *body, size_t bytes) {
  glance->sps |= type == TM_NAL_SPS;
  glance->pps |= type == TM_NAL_PPS;
  glance->idr |= type == TM_NAL_IDR;
  glance->inter |= type > TM_NAL_PARTITION_A && type <= TM_NAL_PARTITION_C; // never without partition A
  if (type != TM_NAL_SLICE && type != TM_NAL_PARTITION_A && type != TM_NAL_IDR) return;
  tm_bits bits = tm_bits_of(body, bytes);
  tm_bits_ue(&bits); // first_mb_in_slice
  uint32_t slice = tm_bits_ue(&bits);
  if (bits.overrun || slice > MAX_SLICE_TYPE) return;
  bool intra = slice % SLICE_TYPES == TM_SLICE_I || slice % SLICE_TYPES == TM_SLICE_SI;
  glance->intra |= intra;
  glance->inter |= !intra;
}

tm_status tm_h264_glance_at(const uint8_t *payload, size_t bytes, tm_h264_glance *glance) {
  memset(glance, 0, sizeof *glance);
  if (bytes == 0) return TM_ERR_TRUNCATED;
  uint8_t type = payload[0] & TYPE_MASK;
  if ((payload[0] & 0x80) != 0 || type == 0) return TM_ERR_MALFORMED;
  if (type <= LAST_SINGLE_TYPE) {
    note(glance, type, payload + 1, bytes - 1);
    return TM_OK;
  }
  if (type == TM_NAL_FU_A) {
    if (bytes <= FU_HEADER_BYTES) return TM_ERR_TRUNCATED;
    uint8_t whole = payload[1] & TYPE_MASK;
    if ((payload[1] & FU_START) != 0) {
      note(glance, whole, payload + FU_HEADER_BYTES, bytes - FU_HEADER_BYTES);
    } else {
      glance->middle = true;
      glance->middle_of_idr = whole == TM_NAL_IDR;
    }
    return TM_OK;
  }
  if (type != TM_NAL_STAP_A) return TM_ERR_UNSUPPORTED;
  for (size_t at = 1; at < bytes;) {
    if (bytes - at < SIZE_BYTES) return TM_ERR_TRUNCATED;
    size_t size = tm_get16(payload + at);
    at += SIZE_BYTES;
    if (size == 0) return TM_ERR_MALFORMED;
    if (size > bytes - at) return TM_ERR_TRUNCATED;
    note(glance, payload[at] & TYPE_MASK, payload + at + 1, size - 1);
    at += size;
  }
  return TM_OK;
}
