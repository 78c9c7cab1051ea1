// Received pictures on their way out of the packet thread.
#include "video_sink.h"

#include <stdlib.h>
#include <string.h>

#include "stream.h"
#include "tm_nal.h"

enum {
  FILE_RING_OCTETS = 1 << 21,  // seconds of a slow disk
  CHUNK_OCTETS = 1 << 16,
  HEAD_OCTETS = 8192,
  FULL_TURN = 360,
  QUARTER_TURN = 90,
};

// H.264 7.3.2.3.1, D.1.27: flags, a rotation of 16 bits to the left, a repetition period and padding in three octets.
enum {
  DISPLAY_ORIENTATION = 47,
  SEI_PAYLOAD_OCTETS = 3,
  SEI_OCTETS = 11,
  HORIZONTAL_FLIP = 1 << 22,
  QUARTERS_AT = 19,        // the two highest bits of the rotation
  PERSISTENT = 1 << 3,     // ue(v) of 1: until another one comes
  END_OF_PAYLOAD = 1,
  END_OF_NAL = 0x80,
};

tm_engine_status tm_picture_ring_init(tm_picture_ring *ring, size_t octets, tm_error *error)
{
  if (tm_ring_create(octets, &ring->ring) == TM_OK) return TM_ENGINE_OK;
  return tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for pictures");
}

void tm_picture_ring_release(tm_picture_ring *ring)
{
  tm_ring_destroy(ring->ring);
  ring->ring = NULL;
}

bool tm_picture_ring_put(tm_picture_ring *ring, const tm_video_picture *picture)
{
  size_t need = sizeof picture->frame + picture->frame.octets;
  if ((ring->starving && !picture->frame.key) || tm_ring_writable(ring->ring) < need) {
    ring->starving = true;
    tm_count(&ring->missed, 1);
    return false;
  }
  ring->starving = false;
  (void)tm_ring_write(ring->ring, &picture->frame, sizeof picture->frame);
  (void)tm_ring_write(ring->ring, picture->head, picture->head_octets);
  return tm_ring_write(ring->ring, picture->data, picture->data_octets) == TM_OK;
}

bool tm_picture_ring_next(const tm_picture_ring *ring, tm_video_frame *frame)
{
  return tm_ring_peek(ring->ring, frame, sizeof *frame) == TM_OK && tm_ring_readable(ring->ring) >= sizeof *frame + frame->octets;
}

struct tm_video_sink {
  tm_picture_ring pictures;
  tm_annexb_writer *writer;
  bool told;
  uint8_t chunk[CHUNK_OCTETS];
};

tm_video_sink *tm_video_sink_open(const char *path, tm_error *error)
{
  tm_video_sink *sink = calloc(1, sizeof *sink);
  if (!sink) {
    (void)tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for pictures");
    return NULL;
  }
  if (tm_picture_ring_init(&sink->pictures, FILE_RING_OCTETS, error) == TM_ENGINE_OK) {
    tm_status status = tm_annexb_create(path, &sink->writer);
    if (status == TM_OK) return sink;
    (void)tm_error_set(error, TM_ENGINE_FILE, 0, "%s: %s", path, tm_status_text(status));
  }
  tm_picture_ring_release(&sink->pictures);
  free(sink);
  return NULL;
}

// H.264 D.1.27: so that who plays the file turns the picture. Valid until another one comes.
static size_t write_orientation(const tm_video_frame *frame, uint8_t *out)
{
  // The receiver turns and then mirrors (26.114 7.4.5); a display mirrors and then turns, the other way round when mirrored.
  unsigned clockwise = frame->mirrored ? FULL_TURN - frame->rotation : frame->rotation;
  uint32_t quarters = (FULL_TURN - clockwise) % FULL_TURN / QUARTER_TURN;
  uint32_t bits = (frame->mirrored ? HORIZONTAL_FLIP : 0u) | quarters << QUARTERS_AT | PERSISTENT | END_OF_PAYLOAD;
  const uint8_t nal[SEI_OCTETS] = {0, 0, 0, 1, TM_NAL_SEI, DISPLAY_ORIENTATION, SEI_PAYLOAD_OCTETS,
                                   (uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits, END_OF_NAL};
  memcpy(out, nal, sizeof nal);
  return sizeof nal;
}

void tm_video_sink_put(tm_video_sink *sink, const tm_video_picture *picture)
{
  uint8_t head[HEAD_OCTETS];
  tm_video_picture whole = *picture;
  bool upright = picture->frame.rotation == 0 && !picture->frame.mirrored;
  if ((picture->turned || (picture->frame.key && !upright)) && picture->head_octets + SEI_OCTETS <= sizeof head) {
    if (picture->head_octets > 0) memcpy(head, picture->head, picture->head_octets);
    whole.head_octets += write_orientation(&picture->frame, head + picture->head_octets);
    whole.head = head;
    whole.frame.octets = whole.head_octets + whole.data_octets;
  }
  (void)tm_picture_ring_put(&sink->pictures, &whole);
}

uint64_t tm_video_sink_missed(const tm_video_sink *sink)
{
  return atomic_load_explicit(&sink->pictures.missed, memory_order_relaxed);
}

static tm_status write_picture(tm_video_sink *sink, size_t octets)
{
  tm_status status = TM_OK;
  while (octets > 0) {
    size_t part = octets < sizeof sink->chunk ? octets : sizeof sink->chunk;
    (void)tm_ring_read(sink->pictures.ring, sink->chunk, part);
    if (status == TM_OK && !sink->told) status = tm_annexb_write(sink->writer, sink->chunk, part);
    octets -= part;
  }
  return status;
}

static bool tell(tm_video_sink *sink, tm_status status, tm_error *error)
{
  if (status == TM_OK || sink->told) return true;
  sink->told = true;
  (void)tm_error_set(error, TM_ENGINE_FILE, 0, "the video file cannot be written: %s", tm_status_text(status));
  return false;
}

bool tm_video_sink_flush(tm_video_sink *sink, tm_error *error)
{
  tm_video_frame frame;
  tm_status status = TM_OK;
  while (tm_picture_ring_next(&sink->pictures, &frame)) {
    (void)tm_ring_drop(sink->pictures.ring, sizeof frame);
    tm_status one = write_picture(sink, frame.octets);
    if (status == TM_OK) status = one;
  }
  return tell(sink, status, error);
}

bool tm_video_sink_close(tm_video_sink *sink, tm_error *error)
{
  bool fine = tm_video_sink_flush(sink, error);
  tm_status status = tm_annexb_finish(sink->writer);
  if (fine) fine = tell(sink, status, error);
  tm_picture_ring_release(&sink->pictures);
  free(sink);
  return fine;
}
