// Video sources: a camera (shared by streams, open only while one sends) and an H.264 file, each with a thread of its own.
#ifndef TM_ENGINE_VIDEO_SOURCE_H
#define TM_ENGINE_VIDEO_SOURCE_H

#include "tm_camera.h"
#include "tm_encoder.h"
#include "video_port.h"

enum { TM_VIDEO_USUAL_WIDTH = 640, TM_VIDEO_USUAL_HEIGHT = 480 };

typedef struct tm_video_pool tm_video_pool;
typedef struct tm_video_source tm_video_source;

/** A stream's place at a source. */
typedef struct {
  tm_video_pool *pool;
  tm_video_source *source;
  tm_video_port port;
  // source's thread
  tm_encoder *encoder;
  tm_picture picture;  // of the encoder's size
  int64_t last_ns;     // of the last picture taken
  uint32_t camera_bps; // what a camera with H.264 was asked for
} tm_video_feed;

/** `system`: what cameras are opened with; NULL: those of the host. NULL when memory is out. */
tm_video_pool *tm_video_pool_create(const tm_camera_system *system);
void tm_video_pool_destroy(tm_video_pool *pool);
/** The largest picture that is taken from a camera and encoded, until told 640x480. Before there is any source. */
void tm_video_pool_limit(tm_video_pool *pool, unsigned max_width, unsigned max_height);

/** Control thread. NULL with `error`: no such file, no H.264 in it, no such camera. The endpoint is a FILE or a DEVICE. */
tm_video_feed *tm_video_feed_open(tm_video_pool *pool, const tm_endpoint *endpoint, const tm_video_listener *listener, tm_error *error);
/** Lets go; the last one ends the source's thread and waits for it. Any thread but real-time ones. NULL is fine. */
void tm_video_feed_close(tm_video_feed *feed);
/** Control thread: from the next picture on. */
void tm_video_feed_wish(tm_video_feed *feed, const tm_video_wish *wish);

/** Control thread: what a stream from there would be, for the SDP that comes before the stream. */
tm_engine_status tm_video_source_describe(tm_video_pool *pool, const tm_endpoint *endpoint, uint8_t level_idc,
                                          tm_video_description *description, tm_error *error);

/** Picture size and rate of what we encode, within a level (H.264 A.3), the pool's largest size, and the peer's (0: none). */
typedef struct {
  unsigned width, height, fps;
} tm_video_format;
tm_video_format tm_video_fit(const tm_video_pool *pool, uint8_t level_idc, unsigned max_width, unsigned max_height);
/** Bits a second that such a picture is worth. */
uint32_t tm_video_worth(const tm_video_format *format);

#endif
