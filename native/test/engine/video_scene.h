// A video stream and its peer, which is played by hand. What a test waits for is an event: a picture, a packet, a counter. Only what never
// comes is waited for by the clock, so that a busy machine makes tests slower and nothing else.
#ifndef TM_TEST_VIDEO_SCENE_H
#define TM_TEST_VIDEO_SCENE_H

#include "video_support.h"

enum {
  SCENE_FRAMES = 90,     // of the film: it begins anew, with a key frame, after so many
  SCENE_STRANGER = 0x11223344,
  SCENE_PATIENCE_MS = 20000,
};

typedef struct {
  tm_engine *engine;
  uint32_t stream;
  support_peer peer;
  char film[SUPPORT_PATH];
} video_scene;

/** `shows`: the stream sends the film. */
bool scene_open(video_scene *s, bool shows);
void scene_close(video_scene *s);
bool scene_configure(video_scene *s, bool send, bool receive);

/** From the peer: a receiver report with feedback behind it. */
bool scene_tell(video_scene *s, const uint8_t *feedback, size_t octets);
/** Any RTCP from the peer. */
bool scene_send_rtcp(video_scene *s, const uint8_t *datagram, size_t octets);

/** What a single packet begins with; FU-A: the type that it carries. */
uint8_t scene_type(const tm_rtp_packet *packet);
/** Reads so many pictures of the stream to their last packets, and counts those with an IDR. */
unsigned scene_key_frames(video_scene *s, unsigned pictures);
/** Reads until one with an IDR is whole: one that was asked for, since the film does not begin anew so soon. */
bool scene_key_frame_comes(video_scene *s);

/** Waits until the stream's statistics are as `fits` wants them. */
bool scene_until(video_scene *s, bool (*fits)(const tm_video_stats *stats, uint64_t value), uint64_t value);

#endif
