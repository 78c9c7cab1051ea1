// RFC 6184 8.1: sprop-parameter-sets, and sets kept to be sent or written.
#include "tm_parameter_sets.h"

#include <string.h>

enum { START_CODE_BYTES = 4, BASE64_GROUP = 4, BASE64_OCTETS = 3, BASE64_BITS = 6 };

static const uint8_t START_CODE[START_CODE_BYTES] = {0, 0, 0, 1};
static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void tm_parameter_sets_clear(tm_parameter_sets *sets) { sets->count = 0; }

tm_status tm_parameter_sets_note(tm_parameter_sets *sets, const uint8_t *nal, size_t bytes, bool *changed) {
  tm_nal unit;
  tm_h264_sps sps;
  tm_h264_pps pps;
  uint8_t id = 0;
  if (changed != NULL) *changed = false;
  tm_status status = tm_nal_header(nal, bytes, &unit);
  if (status != TM_OK) return status;
  if (unit.type == TM_NAL_SPS) {
    status = tm_h264_read_sps(&unit, &sps);
    id = sps.id;
  } else if (unit.type == TM_NAL_PPS) {
    status = tm_h264_read_pps(&unit, &pps);
    id = status == TM_OK ? pps.id : 0;
  } else {
    return TM_ERR_ARGUMENT;
  }
  if (status != TM_OK) return status;
  if (bytes > TM_SETS_MAX_BYTES) return TM_ERR_SPACE;
  size_t at = 0;
  while (at < sets->count && (sets->sets[at].type != unit.type || sets->sets[at].id != id)) at++;
  if (at == TM_SETS_MAX) return TM_ERR_SPACE;
  bool same = at < sets->count && sets->sets[at].bytes == bytes && memcmp(sets->sets[at].data, nal, bytes) == 0;
  if (changed != NULL) *changed = !same;
  if (same) return TM_OK;
  if (at == sets->count) sets->count++;
  sets->sets[at].type = unit.type;
  sets->sets[at].id = id;
  sets->sets[at].bytes = (uint16_t)bytes;
  memcpy(sets->sets[at].data, nal, bytes);
  return TM_OK;
}

bool tm_parameter_sets_note_unit(tm_parameter_sets *sets, const uint8_t *unit, size_t bytes) {
  tm_nal_scanner scanner;
  tm_nal nal;
  bool any = false;
  tm_nal_scan(&scanner, unit, bytes);
  while (tm_nal_next(&scanner, &nal) == TM_OK) {
    bool changed = false;
    if (nal.type != TM_NAL_SPS && nal.type != TM_NAL_PPS) continue;
    if (tm_parameter_sets_note(sets, nal.data, nal.bytes, &changed) == TM_OK) any |= changed;
  }
  return any;
}

static bool has_sps(const tm_parameter_sets *sets, uint8_t id) {
  for (size_t i = 0; i < sets->count; i++)
    if (sets->sets[i].type == TM_NAL_SPS && sets->sets[i].id == id) return true;
  return false;
}

bool tm_parameter_sets_complete(const tm_parameter_sets *sets) {
  for (size_t i = 0; i < sets->count; i++) {
    tm_nal nal;
    tm_h264_pps pps;
    if (sets->sets[i].type != TM_NAL_PPS || tm_nal_header(sets->sets[i].data, sets->sets[i].bytes, &nal) != TM_OK) continue;
    if (tm_h264_read_pps(&nal, &pps) == TM_OK && has_sps(sets, pps.sps_id)) return true;
  }
  return false;
}

// SPS first: 0 .. count-1 in the order of output.
static size_t ordered(const tm_parameter_sets *sets, size_t index) {
  for (int round = 0; round < 2; round++)
    for (size_t i = 0; i < sets->count; i++)
      if ((sets->sets[i].type == TM_NAL_SPS) == (round == 0) && index-- == 0) return i;
  return 0;
}

tm_status tm_parameter_sets_annexb(const tm_parameter_sets *sets, uint8_t *out, size_t capacity, size_t *written) {
  size_t at = 0;
  for (size_t i = 0; i < sets->count; i++) {
    size_t from = ordered(sets, i);
    size_t bytes = sets->sets[from].bytes;
    if (capacity - at < START_CODE_BYTES + bytes) return TM_ERR_SPACE;
    memcpy(out + at, START_CODE, START_CODE_BYTES);
    memcpy(out + at + START_CODE_BYTES, sets->sets[from].data, bytes);
    at += START_CODE_BYTES + bytes;
  }
  *written = at;
  return TM_OK;
}

static size_t encode(const uint8_t *data, size_t bytes, char *out) {
  size_t at = 0;
  for (size_t i = 0; i < bytes; i += BASE64_OCTETS) {
    uint32_t group = (uint32_t)data[i] << 16 | (i + 1 < bytes ? (uint32_t)data[i + 1] << 8 : 0) | (i + 2 < bytes ? data[i + 2] : 0);
    for (unsigned j = 0; j < BASE64_GROUP; j++)
      out[at++] = i + j > bytes ? '=' : BASE64[group >> (18 - BASE64_BITS * j) & 63];
  }
  return at;
}

tm_status tm_parameter_sets_compose(const tm_parameter_sets *sets, char *out, size_t capacity) {
  size_t at = 0;
  for (size_t i = 0; i < sets->count; i++) {
    size_t from = ordered(sets, i);
    size_t bytes = sets->sets[from].bytes;
    size_t text = (bytes + BASE64_OCTETS - 1) / BASE64_OCTETS * BASE64_GROUP;
    if (capacity < at + text + 2) return TM_ERR_SPACE; // comma and zero
    if (i > 0) out[at++] = ',';
    at += encode(sets->sets[from].data, bytes, out + at);
  }
  if (capacity == at) return TM_ERR_SPACE;
  out[at] = '\0';
  return TM_OK;
}

static tm_status decode(const char *text, size_t length, uint8_t *out, size_t capacity, size_t *bytes) {
  uint32_t value = 0;
  unsigned bits = 0;
  size_t at = 0;
  while (length > 0 && text[length - 1] == '=') length--; // padding, that some leave out
  for (size_t i = 0; i < length; i++) {
    const char *place = text[i] == '\0' ? NULL : strchr(BASE64, text[i]);
    if (place == NULL) return TM_ERR_MALFORMED;
    value = value << BASE64_BITS | (uint32_t)(place - BASE64);
    bits += BASE64_BITS;
    if (bits < 8) continue;
    bits -= 8;
    if (at == capacity) return TM_ERR_SPACE;
    out[at++] = (uint8_t)(value >> bits);
    value &= (1u << bits) - 1u;
  }
  *bytes = at;
  return at == 0 || bits >= BASE64_BITS ? TM_ERR_MALFORMED : TM_OK;
}

tm_status tm_parameter_sets_parse(tm_parameter_sets *sets, const char *text, size_t length) {
  const char *end = text + length;
  for (const char *at = text;; at++) {
    const char *comma = memchr(at, ',', (size_t)(end - at));
    if (comma == NULL) comma = end;
    uint8_t nal[TM_SETS_MAX_BYTES];
    size_t bytes = 0;
    tm_status status = decode(at, (size_t)(comma - at), nal, sizeof nal, &bytes);
    if (status == TM_OK) status = tm_parameter_sets_note(sets, nal, bytes, NULL);
    if (status != TM_OK) return status;
    if (comma == end) return TM_OK;
    at = comma;
  }
}
