// Where received pictures go: an H.264 file, or whoever asks for them. Both lie behind a ring that the packet thread writes; when it is full,
// pictures are left out up to the next key frame.
#ifndef TM_ENGINE_VIDEO_SINK_H
#define TM_ENGINE_VIDEO_SINK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "video.h"
#include "tm_annexb.h"
#include "tm_ring.h"

/** A picture on its way: what has to stand before it, and itself. */
typedef struct {
  tm_video_frame frame;  // octets: of both pieces together
  bool turned;           // the orientation is another one from this picture on
  const uint8_t *head, *data;
  size_t head_octets, data_octets;
} tm_video_picture;

/** Records: a tm_video_frame, and its octets. */
typedef struct {
  tm_ring *ring;
  bool starving;  // packet thread: left out, waiting for a key frame
  atomic_uint_fast64_t missed;
} tm_picture_ring;

tm_engine_status tm_picture_ring_init(tm_picture_ring *ring, size_t octets, tm_error *error);
void tm_picture_ring_release(tm_picture_ring *ring);
/** Packet thread. False: left out. */
bool tm_picture_ring_put(tm_picture_ring *ring, const tm_video_picture *picture);
/** Consumer: whether a whole picture waits; tells of it, and leaves it there. */
bool tm_picture_ring_next(const tm_picture_ring *ring, tm_video_frame *frame);

typedef struct tm_video_sink tm_video_sink;

/** Control thread: creates or empties the file. NULL with `error` FILE or MEMORY. */
tm_video_sink *tm_video_sink_open(const char *path, tm_error *error);
/** Packet thread. */
void tm_video_sink_put(tm_video_sink *sink, const tm_video_picture *picture);
uint64_t tm_video_sink_missed(const tm_video_sink *sink);
/** Housekeeping thread: moves what waits to the file. False once, with `error`, when it cannot be written. */
bool tm_video_sink_flush(tm_video_sink *sink, tm_error *error);
/** Housekeeping or control thread, when the packet thread has let go of it: the file is whole afterwards. As flush. */
bool tm_video_sink_close(tm_video_sink *sink, tm_error *error);

#endif
