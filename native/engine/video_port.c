// Access units into paced packets, across the ring.
#include "video_port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "session.h"
#include "stream.h"

enum {
  PACE_PERCENT = 250,  // packets of a frame leave at so much of the stream's rate: quick, but no burst that overflows a radio's queue
  SPAN_PERCENT = 80,   // a frame is out before the next one comes
  MAX_LATE_MS = 500,   // what waited longer is of no use
  LEVEL_1B = 9,
  LEVEL_TEXT = 8,
};

tm_engine_status tm_video_port_init(tm_video_port *port, const tm_video_listener *listener, tm_error *error)
{
  memset(port, 0, sizeof *port);
  port->listener = *listener;
  port->wants_key = true;
  (void)pthread_mutex_init(&port->lock, NULL);
  port->unit = malloc(TM_VIDEO_UNIT_OCTETS);
  if (port->unit && tm_ring_create(TM_VIDEO_RING_OCTETS, &port->ring) == TM_OK) return TM_ENGINE_OK;
  tm_video_port_release(port);
  return tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for a picture");
}

void tm_video_port_release(tm_video_port *port)
{
  (void)pthread_mutex_destroy(&port->lock);
  tm_ring_destroy(port->ring);
  free(port->unit);
  port->ring = NULL;
  port->unit = NULL;
}

void tm_video_port_wish(tm_video_port *port, const tm_video_wish *wish)
{
  (void)pthread_mutex_lock(&port->lock);
  port->next_wish = *wish;
  port->has_next = true;
  (void)pthread_mutex_unlock(&port->lock);
}

bool tm_video_port_follow(tm_video_port *port)
{
  (void)pthread_mutex_lock(&port->lock);
  bool changed = port->has_next;
  if (changed) port->wish = port->next_wish;
  port->has_next = false;
  (void)pthread_mutex_unlock(&port->lock);
  if (!changed) return false;
  // Another packing begins with a frame, and orientation goes out with a key frame.
  (void)tm_h264_payload_init(&port->payload, &port->wish.packing);
  port->wants_key = true;
  port->refused = false;
  return true;
}

bool tm_video_port_key_due(const tm_video_port *port)
{
  return port->wants_key || port->keys_served != atomic_load_explicit(&port->key_requests, memory_order_relaxed);
}

void tm_video_port_trouble(tm_video_port *port, const tm_error *error)
{
  if (!port->in_trouble) port->listener.trouble(port->listener.context, error);
  port->in_trouble = true;
}

void tm_video_port_fine(tm_video_port *port)
{
  if (port->in_trouble) port->listener.recovered(port->listener.context);
  port->in_trouble = false;
}

// Once for a wish.
static void refuse(tm_video_port *port, const tm_error *error)
{
  if (!port->refused) port->listener.trouble(port->listener.context, error);
  port->refused = true;
}

// The peer takes no fragments and the source does not make smaller slices.
static void refuse_slices(tm_video_port *port, size_t largest)
{
  tm_error error;
  (void)tm_error_set(&error, TM_ENGINE_CODEC, 0, "slices of %zu octets do not fit the packets that the other side takes", largest);
  refuse(port, &error);
}

// RFC 6184 8.1: the level is what the peer can decode at most. Film and camera are not made again for it.
static void refuse_level(tm_video_port *port)
{
  tm_error error;
  char level[LEVEL_TEXT];
  if (port->wish.level_idc == LEVEL_1B) (void)strcpy(level, "1b");
  else (void)snprintf(level, sizeof level, "%u.%u", port->wish.level_idc / 10u, port->wish.level_idc % 10u);
  (void)tm_error_set(&error, TM_ENGINE_CODEC, 0, "pictures of %ux%u are beyond level %s, which the other side takes at most",
                     (unsigned)atomic_load_explicit(&port->width, memory_order_relaxed),
                     (unsigned)atomic_load_explicit(&port->height, memory_order_relaxed), level);
  refuse(port, &error);
}

static void drop(tm_video_port *port)
{
  tm_count(&port->frames_dropped, 1);
  port->wants_key = true;
}

typedef struct {
  bool sps, pps;
} found_sets;

static bool within_level(const tm_h264_sps *sps, uint8_t level_idc)
{
  return tm_h264_suits(sps, (uint32_t)sps->profile_idc << 16 | (uint32_t)sps->constraints << 8 | level_idc);
}

// 26.114 5.2.2, RFC 6184 8.1: constrained baseline is what was agreed. Many a camera writes plain baseline and uses no more of it.
bool tm_video_is_baseline(const tm_h264_sps *sps)
{
  return tm_h264_suits(sps, UINT32_C(0x420000) | TM_H264_HIGHEST_LEVEL);
}

static void refuse_profile(tm_video_port *port)
{
  tm_error error;
  (void)tm_error_set(&error, TM_ENGINE_CODEC, 0, "H.264 of profile %u is not what the other side takes: constrained baseline",
                     port->foreign_profile);
  refuse(port, &error);
}

static found_sets look(tm_video_port *port, const uint8_t *unit, size_t octets)
{
  tm_nal_scanner scanner;
  tm_nal nal;
  tm_h264_sps sps;
  found_sets found = {false, false};
  tm_nal_scan(&scanner, unit, octets);
  while (tm_nal_next(&scanner, &nal) == TM_OK && nal.type != TM_NAL_IDR && nal.type != TM_NAL_SLICE) {
    if (nal.type == TM_NAL_PPS) found.pps = true;
    if (nal.type != TM_NAL_SPS) continue;
    found.sps = true;
    if (tm_h264_read_sps(&nal, &sps) != TM_OK) continue;
    port->beyond_level = !within_level(&sps, port->wish.level_idc);
    port->foreign_profile = tm_video_is_baseline(&sps) ? 0 : sps.profile_idc;
    atomic_store_explicit(&port->width, sps.width, memory_order_relaxed);
    atomic_store_explicit(&port->height, sps.height, memory_order_relaxed);
  }
  return found;
}

// The unit with the stream's sets before it. False: there are none, or no room.
static bool prepend_sets(tm_video_port *port, const uint8_t **unit, size_t *octets)
{
  size_t head = 0;
  if (!tm_parameter_sets_complete(&port->sets)) return false;
  if (tm_parameter_sets_annexb(&port->sets, port->unit, TM_VIDEO_UNIT_OCTETS, &head) != TM_OK) return false;
  if (*octets > TM_VIDEO_UNIT_OCTETS - head) return false;
  memcpy(port->unit + head, *unit, *octets);
  *unit = port->unit;
  *octets += head;
  return true;
}

// Time between two packets of a frame of so many octets.
static int64_t spacing(const tm_video_port *port, size_t octets, size_t packets, int64_t span_ns)
{
  if (packets < 2) return 0;
  int64_t rate = (int64_t)atomic_load_explicit(&port->rate_bps, memory_order_relaxed) * PACE_PERCENT / 100;
  int64_t widest = span_ns * SPAN_PERCENT / 100 / (int64_t)packets;
  if (rate <= 0) return widest;
  int64_t paced = (int64_t)(octets * 8 / packets) * TM_NS_PER_S / rate;
  return paced < widest ? paced : widest;
}

static bool write_packet(tm_video_port *port, tm_video_record *record, const tm_rtp_packet *packet)
{
  struct {
    tm_video_record record;
    uint8_t data[TM_CVO_EXTENSION_BYTES + TM_MAX_SENT_PAYLOAD];
  } item;
  if (packet->payload_bytes > TM_MAX_SENT_PAYLOAD || packet->extension_bytes > TM_CVO_EXTENSION_BYTES) return false;
  record->octets = (uint16_t)packet->payload_bytes;
  record->extension_octets = packet->has_extension ? (uint8_t)packet->extension_bytes : 0;
  record->marker = packet->marker;
  item.record = *record;
  if (record->extension_octets > 0) memcpy(item.data, packet->extension, record->extension_octets);
  memcpy(item.data + record->extension_octets, packet->payload, record->octets);
  return tm_ring_write(port->ring, &item, sizeof item.record + record->extension_octets + record->octets) == TM_OK;
}

void tm_video_port_put(tm_video_port *port, const uint8_t *unit, size_t octets, bool key, int64_t time_ns, int64_t span_ns)
{
  size_t largest = 0;
  tm_rtp_packet packet;
  unsigned requests = atomic_load_explicit(&port->key_requests, memory_order_relaxed);
  bool changed = tm_parameter_sets_note_unit(&port->sets, unit, octets);
  found_sets found = look(port, unit, octets);
  if (port->beyond_level || port->foreign_profile) {
    if (port->foreign_profile) refuse_profile(port);
    else refuse_level(port);
    drop(port);
    return;
  }
  if (port->wants_key && !key) {
    tm_count(&port->frames_dropped, 1);
    return;
  }
  bool repeat = atomic_exchange_explicit(&port->sets_wanted, false, memory_order_relaxed);
  bool sets = found.sps && found.pps;
  if (!sets && (key || repeat)) sets = prepend_sets(port, &unit, &octets);
  if (tm_h264_payload_begin(&port->payload, unit, octets, &port->wish.orientation, &largest) != TM_OK) {
    refuse_slices(port, largest);
    drop(port);
    return;
  }
  // All or nothing: half a frame is worse than none. Every packet costs its record besides.
  size_t limit = port->wish.packing.max_payload ? port->wish.packing.max_payload : TM_H264_PAYLOAD_BYTES;
  size_t packets = octets / limit + 1;
  if (tm_ring_writable(port->ring) < octets + (octets / 64 + 64) * sizeof(tm_video_record)) {
    drop(port);
    return;
  }
  int64_t now = tm_now_ns(), gap = spacing(port, octets, packets, span_ns);
  tm_video_record record = {.due_ns = now, .time_ns = time_ns, .first = true, .key = key, .sets = sets, .new_sets = changed};
  while (tm_h264_payload_next(&port->payload, &packet) == TM_OK) {
    if (!write_packet(port, &record, &packet)) {
      drop(port);
      return;
    }
    record.first = false;
    record.due_ns += gap;
  }
  if (key) {
    port->wants_key = false;
    port->keys_served = requests;
  }
  port->listener.packets(port->listener.context);
}

int64_t tm_video_port_due(const tm_video_port *port)
{
  tm_video_record record;
  return tm_ring_peek(port->ring, &record, sizeof record) == TM_OK ? record.due_ns : INT64_MAX;
}

bool tm_video_port_take(tm_video_port *port, int64_t now, tm_video_record *record, tm_rtp_packet *packet, uint8_t *data, size_t capacity)
{
  while (tm_ring_peek(port->ring, record, sizeof *record) == TM_OK && record->due_ns <= now) {
    size_t octets = (size_t)record->extension_octets + record->octets;
    (void)tm_ring_read(port->ring, record, sizeof *record);
    if (octets > capacity || tm_ring_read(port->ring, data, octets) != TM_OK) return false;
    if (now - record->due_ns > MAX_LATE_MS * TM_NS_PER_MS) continue;
    *packet = (tm_rtp_packet){.marker = record->marker,
                              .has_extension = record->extension_octets > 0,
                              .extension_profile = TM_EXTENSION_ONE_BYTE,
                              .extension = data,
                              .extension_bytes = record->extension_octets,
                              .payload = data + record->extension_octets,
                              .payload_bytes = record->octets};
    return true;
  }
  return false;
}

void tm_video_port_ask_key(tm_video_port *port)
{
  atomic_fetch_add_explicit(&port->key_requests, 1, memory_order_relaxed);
}
