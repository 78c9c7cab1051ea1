// The thread of a camera: opens it when somebody sends, encodes for each stream what is not H.264 already, tries again every second when
// it is away or taken.
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "stream.h"
#include "video_source_private.h"

enum {
  READ_MS = 100,      // how long a change waits for the camera
  SILENT_MS = 3000,   // a camera that gives nothing for so long is started anew
  RATE_STEP = 20,     // one part in so many: smaller changes of the rate do not bother the encoder
  EARLY_PERCENT = 80, // of a frame's time: cameras are not exact
};

static void let_go(tm_video_source *source)
{
  tm_camera_close(source->camera);
  source->camera = NULL;
  tm_picture_destroy(&source->picture);
}

// The camera gives the most that any of the streams wants; its own H.264 serves only if all take it as it is.
static tm_camera_wish wish_of(const tm_video_source *source)
{
  tm_camera_wish wish = {.h264 = !source->recodes};
  for (unsigned i = 0; i < source->count; i++) {
    const tm_video_wish *one = &source->feeds[i]->port.wish;
    if (!one->send) continue;
    tm_video_format format = tm_video_fit(source->pool, one->level_idc, one->max_width, one->max_height);
    if (wish.width && wish.width != format.width) wish.h264 = false;
    if (format.width > wish.width) wish.width = format.width;
    if (format.height > wish.height) wish.height = format.height;
    if (format.fps > wish.fps) wish.fps = format.fps;
    if (one->packing.mode == 0) wish.h264 = false;
  }
  return wish;
}

static bool open_camera(tm_video_source *source)
{
  tm_camera_wish wish = wish_of(source);
  tm_error error;
  int code = 0;
  tm_status status = tm_camera_open(source->pool->system, source->name, &wish, &source->camera, &code);
  if (status == TM_OK && tm_camera_get_info(source->camera)->format != TM_CAMERA_H264) {
    const tm_camera_info *info = tm_camera_get_info(source->camera);
    status = tm_picture_create(info->width, info->height, &source->picture);
    if (status == TM_OK && info->format == TM_CAMERA_MJPEG && !source->jpeg) source->jpeg = tm_jpeg_create();
    if (status == TM_OK && info->format == TM_CAMERA_MJPEG && !source->jpeg) status = TM_ERR_MEMORY;
  }
  source->heard_ns = tm_now_ns();
  if (status == TM_OK) return true;
  let_go(source);
  (void)tm_video_camera_error(&error, source->name, status, code);
  tm_video_source_trouble(source, &error);
  return false;
}

static bool encoder_fits(const tm_video_feed *feed, const tm_encoder_config *config)
{
  if (!feed->encoder) return false;
  const tm_encoder_config *has = tm_encoder_get_config(feed->encoder);
  return has->width == config->width && has->height == config->height && has->level_idc == config->level_idc &&
         has->slice_octets == config->slice_octets && has->fps == config->fps;
}

// No larger than the camera's own pictures: that would cost much and show nothing.
static bool ready_encoder(tm_video_feed *feed, const tm_camera_info *info)
{
  const tm_video_wish *wish = &feed->port.wish;
  tm_video_format format = tm_video_fit(feed->pool, wish->level_idc, tm_video_least(info->width, wish->max_width),
                                        tm_video_least(info->height, wish->max_height));
  uint32_t rate = (uint32_t)atomic_load_explicit(&feed->port.rate_bps, memory_order_relaxed);
  if (rate == 0) rate = tm_video_worth(&format);
  tm_encoder_config config = {.width = format.width,
                              .height = format.height,
                              .fps = info->fps < format.fps ? info->fps : format.fps,
                              .bits_per_second = rate,
                              .level_idc = wish->level_idc,
                              .slice_octets = wish->packing.mode == 0 ? wish->packing.max_payload : 0};
  if (wish->packing.mode == 0 && config.slice_octets == 0) config.slice_octets = TM_H264_PAYLOAD_BYTES;
  if (encoder_fits(feed, &config)) {
    uint32_t now = tm_encoder_get_config(feed->encoder)->bits_per_second, step = now / RATE_STEP;
    if (rate > now + step || rate + step < now) (void)tm_encoder_set_rate(feed->encoder, rate, config.fps);
    return true;
  }
  tm_encoder_destroy(feed->encoder);
  tm_picture_destroy(&feed->picture);
  feed->encoder = NULL;
  tm_status status = tm_encoder_create(TM_ENCODER_BOARD, &config, &feed->encoder);
  if (status != TM_OK) status = tm_encoder_create(TM_ENCODER_SOFTWARE, &config, &feed->encoder);
  if (status == TM_OK) status = tm_picture_create(config.width, config.height, &feed->picture);
  if (status == TM_OK) return true;
  tm_error error;
  (void)tm_error_set(&error, TM_ENGINE_CODEC, 0, "the video encoder: %s", tm_status_text(status));
  tm_video_port_trouble(&feed->port, &error);
  return false;
}

static void encode(tm_video_source *source, tm_video_feed *feed, int64_t time_ns)
{
  tm_encoded out;
  if (!ready_encoder(feed, tm_camera_get_info(source->camera))) return;
  int64_t period = TM_NS_PER_S / tm_encoder_get_config(feed->encoder)->fps;
  if (time_ns - feed->last_ns < period * EARLY_PERCENT / 100) return;
  tm_picture_scale(&source->picture, &feed->picture);
  if (tm_video_port_key_due(&feed->port)) tm_encoder_force_key(feed->encoder);
  if (tm_encoder_encode(feed->encoder, &feed->picture, time_ns / TM_NS_PER_MS, &out) != TM_OK || out.octets == 0) return;
  feed->last_ns = time_ns;
  tm_video_port_put(&feed->port, out.data, out.octets, out.key, time_ns, period);
}

static void pass_through(tm_video_source *source, tm_video_feed *feed, const tm_camera_frame *frame, bool key)
{
  uint32_t rate = (uint32_t)atomic_load_explicit(&feed->port.rate_bps, memory_order_relaxed);
  int64_t period = TM_NS_PER_S / tm_camera_get_info(source->camera)->fps;
  if (tm_video_port_key_due(&feed->port) && !key) (void)tm_camera_force_key(source->camera);
  if (rate && rate != feed->camera_bps && source->count == 1) {
    (void)tm_camera_set_rate(source->camera, rate);
    feed->camera_bps = rate;
  }
  tm_video_port_put(&feed->port, frame->data, frame->octets, key, frame->time_ns, period);
}

static bool has_idr(const tm_camera_frame *frame)
{
  tm_nal_scanner scanner;
  tm_nal nal;
  tm_nal_scan(&scanner, frame->data, frame->octets);
  while (tm_nal_next(&scanner, &nal) == TM_OK) {
    if (nal.type == TM_NAL_IDR) return true;
    if (nal.type == TM_NAL_SLICE) return false;
  }
  return false;
}

// Asked for constrained baseline, some cameras give what they always give.
static bool gives_baseline(const tm_camera_frame *frame)
{
  tm_nal_scanner scanner;
  tm_nal nal;
  tm_h264_sps sps;
  tm_nal_scan(&scanner, frame->data, frame->octets);
  while (tm_nal_next(&scanner, &nal) == TM_OK && nal.type != TM_NAL_IDR && nal.type != TM_NAL_SLICE)
    if (nal.type == TM_NAL_SPS && tm_h264_read_sps(&nal, &sps) == TM_OK) return tm_video_is_baseline(&sps);
  return true;
}

static tm_status load(tm_video_source *source, const tm_camera_frame *frame)
{
  static const tm_picture_format formats[] = {
      [TM_CAMERA_NV12] = TM_PICTURE_NV12, [TM_CAMERA_I420] = TM_PICTURE_I420, [TM_CAMERA_YUYV] = TM_PICTURE_YUYV};
  const tm_camera_info *info = tm_camera_get_info(source->camera);
  if (info->format == TM_CAMERA_MJPEG) return tm_jpeg_load(source->jpeg, frame->data, frame->octets, &source->picture);
  return tm_picture_load(&source->picture, formats[info->format], frame->data, frame->octets, info->stride);
}

// A damaged picture is left out: the one before stays on the other side's screen.
static void deal_out(tm_video_source *source, const tm_camera_frame *frame)
{
  bool coded = tm_camera_get_info(source->camera)->format == TM_CAMERA_H264;
  if (frame->octets == 0 || (!coded && load(source, frame) != TM_OK)) return;
  bool key = coded && has_idr(frame);
  if (coded && !gives_baseline(frame)) {
    source->recodes = true;  // opened anew for pictures that we encode ourselves
    return;
  }
  for (unsigned i = 0; i < source->count; i++) {
    tm_video_feed *feed = source->feeds[i];
    if (!feed->port.wish.send || atomic_load_explicit(&feed->port.paused, memory_order_relaxed)) continue;
    if (coded) pass_through(source, feed, frame, key);
    else encode(source, feed, frame->time_ns);
  }
}

// True when the camera gave a picture or may still do so.
static bool serve(tm_video_source *source)
{
  tm_camera_frame frame;
  tm_error error;
  int code = 0;
  // The camera is this thread's alone: others may join and leave while it is waited for.
  (void)pthread_mutex_unlock(&source->lock);
  tm_status status = tm_camera_read(source->camera, READ_MS, &frame, &code);
  (void)pthread_mutex_lock(&source->lock);
  if (status == TM_OK) {
    source->heard_ns = tm_now_ns();
    tm_video_source_fine(source);
    deal_out(source, &frame);
    tm_camera_give_back(source->camera, &frame);
    return true;
  }
  if (status == TM_ERR_END && tm_now_ns() - source->heard_ns < SILENT_MS * TM_NS_PER_MS) return true;
  (void)tm_video_camera_error(&error, source->name, status, status == TM_ERR_END ? ETIMEDOUT : code);
  tm_video_source_trouble(source, &error);
  return false;
}

static bool same_wish(const tm_camera_wish *a, const tm_camera_wish *b)
{
  return a->width == b->width && a->height == b->height && a->fps == b->fps && a->h264 == b->h264;
}

void *tm_video_camera_thread(void *context)
{
  tm_video_source *source = context;
  tm_camera_wish opened = {.width = 0};
  (void)pthread_mutex_lock(&source->lock);
  while (!source->quit) {
    if (!tm_video_source_follow(source)) {
      // Nobody looks: the camera's light goes out.
      let_go(source);
      tm_video_source_wait(source, INT64_MAX);
      continue;
    }
    tm_camera_wish wish = wish_of(source);
    if (source->camera && !same_wish(&wish, &opened)) let_go(source);
    bool works = source->camera || open_camera(source);
    opened = wish;
    if (works && serve(source)) continue;
    let_go(source);
    int64_t again = tm_now_ns() + TM_VIDEO_RETRY_MS * TM_NS_PER_MS;
    while (!source->quit && tm_now_ns() < again) tm_video_source_wait(source, again);
  }
  let_go(source);
  (void)pthread_mutex_unlock(&source->lock);
  tm_jpeg_destroy(source->jpeg);
  return NULL;
}
