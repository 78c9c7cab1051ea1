// RFC 4585, RFC 5104: any octets as feedback; what was read is built again the same.
#include "tm_feedback.h"
#include "tm_fuzz.h"

static void rebuild(const tm_rtcp_packet *packet, const tm_feedback *f) {
  uint8_t out[1024];
  size_t written = 0;
  if (f->kind == TM_FEEDBACK_PLI) {
    MUST(tm_feedback_build_pli(f->sender_ssrc, f->media_ssrc, out, sizeof out, &written) == TM_OK);
    MUST(written == 12 && packet->bytes - packet->padding == 12 && memcmp(out + 4, packet->data + 4, 8) == 0);
  }
  if ((f->kind == TM_FEEDBACK_TMMBR || f->kind == TM_FEEDBACK_TMMBN) && f->items <= TM_FEEDBACK_MAX_ITEMS) {
    tm_bitrate_bound bounds[TM_FEEDBACK_MAX_ITEMS];
    for (size_t i = 0; i < f->items; i++) MUST(tm_feedback_bound_at(f, i, &bounds[i]) == TM_OK);
    if (f->items == 0 && f->kind == TM_FEEDBACK_TMMBR) return;
    MUST(tm_feedback_build_bounds(f->kind, f->sender_ssrc, bounds, f->items, out, sizeof out, &written) == TM_OK);
    tm_rtcp_packet again = {.type = packet->type, .count = packet->count, .data = out, .bytes = written};
    tm_feedback g;
    MUST(tm_feedback_read(&again, &g) == TM_OK && g.items == f->items);
    for (size_t i = 0; i < g.items; i++) {
      tm_bitrate_bound bound;
      MUST(tm_feedback_bound_at(&g, i, &bound) == TM_OK && bound.ssrc == bounds[i].ssrc && bound.overhead == bounds[i].overhead);
      MUST(bound.bits_per_second == bounds[i].bits_per_second || bounds[i].bits_per_second == UINT64_MAX);
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  tm_rtcp_iterator iterator;
  tm_rtcp_packet packet;
  tm_rtcp_begin(&iterator, data, size);
  while (tm_rtcp_next(&iterator, &packet) == TM_OK) {
    tm_feedback f;
    uint16_t sequences[64], first = 0, mask = 0;
    uint8_t number = 0;
    tm_bitrate_bound bound;
    if (tm_feedback_read(&packet, &f) != TM_OK) continue;
    MUST(f.fci >= data && f.fci <= data + size);
    MUST(tm_feedback_nack_list(&f, sequences, 64) <= 64);
    for (size_t i = 0; i <= f.items; i++) tm_feedback_nack_at(&f, i, &first, &mask);
    tm_feedback_fir_for(&f, f.media_ssrc, &number);
    tm_feedback_bound_for(&f, f.media_ssrc, &bound);
    rebuild(&packet, &f);
  }
  return 0;
}
