// Sources and who takes from them.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "stream.h"
#include "thread.h"
#include "video_source_private.h"

// Sizes that peers and cameras know, the best first.
static const tm_video_format sizes[] = {{1280, 720, 30}, {640, 480, 30}, {352, 288, 30}, {320, 240, 30}, {176, 144, 30}};

enum { LEAST_FPS = 15, BITS_A_PIXEL_PERCENT = 15, HIGHEST_LEVEL = 40 };

tm_video_format tm_video_fit(const tm_video_pool *pool, uint8_t level_idc, unsigned max_width, unsigned max_height)
{
  max_width = tm_video_least(pool->max_width, max_width);
  max_height = tm_video_least(pool->max_height, max_height);
  const tm_h264_level *level = tm_h264_level_limits(level_idc, false);
  tm_video_format fits = sizes[sizeof sizes / sizeof sizes[0] - 1];
  if (!level) return fits;
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    if (sizes[i].width > max_width || sizes[i].height > max_height) continue;
    uint32_t fps = tm_h264_level_millifps(level, sizes[i].width, sizes[i].height, sizes[i].fps * 1000) / 1000;
    if (fps < LEAST_FPS) continue;
    return (tm_video_format){sizes[i].width, sizes[i].height, fps};
  }
  return fits;
}

uint32_t tm_video_worth(const tm_video_format *format)
{
  return (uint32_t)((uint64_t)format->width * format->height * format->fps * BITS_A_PIXEL_PERCENT / 100);
}

tm_video_pool *tm_video_pool_create(const tm_camera_system *system)
{
  tm_video_pool *pool = calloc(1, sizeof *pool);
  if (!pool) return NULL;
  pool->system = system ? system : &tm_camera_linux;
  tm_video_pool_limit(pool, TM_VIDEO_USUAL_WIDTH, TM_VIDEO_USUAL_HEIGHT);
  (void)pthread_mutex_init(&pool->lock, NULL);
  return pool;
}

void tm_video_pool_limit(tm_video_pool *pool, unsigned max_width, unsigned max_height)
{
  pool->max_width = max_width;
  pool->max_height = max_height;
}

void tm_video_pool_destroy(tm_video_pool *pool)
{
  if (!pool) return;
  (void)pthread_mutex_destroy(&pool->lock);
  free(pool);
}

bool tm_video_source_follow(tm_video_source *source)
{
  bool sends = false;
  for (unsigned i = 0; i < source->count; i++) {
    (void)tm_video_port_follow(&source->feeds[i]->port);
    sends = sends || source->feeds[i]->port.wish.send;
  }
  return sends;
}

void tm_video_source_wait(tm_video_source *source, int64_t until_ns)
{
  if (until_ns == INT64_MAX) {
    (void)pthread_cond_wait(&source->changed, &source->lock);
    return;
  }
  struct timespec until = tm_timespec(until_ns);
  (void)pthread_cond_timedwait(&source->changed, &source->lock, &until);
}

void tm_video_source_trouble(tm_video_source *source, const tm_error *error)
{
  for (unsigned i = 0; i < source->count; i++)
    if (source->feeds[i]->port.wish.send) tm_video_port_trouble(&source->feeds[i]->port, error);
}

void tm_video_source_fine(tm_video_source *source)
{
  for (unsigned i = 0; i < source->count; i++) tm_video_port_fine(&source->feeds[i]->port);
}

tm_engine_status tm_video_camera_error(tm_error *error, const char *name, tm_status status, int code)
{
  const char *reason = code ? strerror(code) : tm_status_text(status);
  return tm_error_set(error, status == TM_ERR_MEMORY ? TM_ENGINE_MEMORY : TM_ENGINE_DEVICE, code, "%s: %s", name, reason);
}

static const char *film_reason(tm_status status)
{
  switch (status) {
    case TM_ERR_MALFORMED:
    case TM_ERR_END: return "no H.264 in it";
    case TM_ERR_SPACE: return "no H.264, or a picture of more than 1 MiB in it";
    default: return tm_status_text(status);
  }
}

tm_engine_status tm_video_file_error(tm_error *error, const char *name, tm_status status)
{
  return tm_error_set(error, TM_ENGINE_FILE, 0, "%s: %s", name, film_reason(status));
}

// Is there such a source at all? A camera that somebody else uses now may be free when it is needed.
static tm_engine_status prepare(tm_video_source *source, tm_error *error)
{
  tm_video_format format = tm_video_fit(source->pool, HIGHEST_LEVEL, 0, 0);
  tm_camera_wish wish = {.width = format.width, .height = format.height, .fps = format.fps, .h264 = true};
  tm_camera_info info;
  int code = 0;
  if (source->kind == TM_ENDPOINT_FILE) {
    tm_annexb_options options = {.loop = true, .max_frame = TM_VIDEO_UNIT_OCTETS};
    tm_status status = tm_annexb_open(source->name, &options, &source->reader);
    return status == TM_OK ? TM_ENGINE_OK : tm_video_file_error(error, source->name, status);
  }
  tm_status status = tm_camera_probe(source->pool->system, source->name, &wish, &info, &code);
  if (status == TM_OK || code == EBUSY) return TM_ENGINE_OK;
  return tm_video_camera_error(error, source->name, status, code);
}

static void source_free(tm_video_source *source)
{
  tm_annexb_close(source->reader);
  (void)pthread_cond_destroy(&source->changed);
  (void)pthread_mutex_destroy(&source->lock);
  free(source);
}

static tm_video_source *source_create(tm_video_pool *pool, const tm_endpoint *endpoint, tm_error *error)
{
  pthread_condattr_t monotonic;
  tm_video_source *source = calloc(1, sizeof *source);
  if (!source) {
    (void)tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for a video source");
    return NULL;
  }
  source->pool = pool;
  source->kind = endpoint->kind;
  (void)pthread_mutex_init(&source->lock, NULL);
  (void)pthread_condattr_init(&monotonic);
  (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  (void)pthread_cond_init(&source->changed, &monotonic);
  (void)pthread_condattr_destroy(&monotonic);
  int code = strlen(endpoint->name) < sizeof source->name ? 0 : -ENAMETOOLONG;
  if (code == 0) memcpy(source->name, endpoint->name, strlen(endpoint->name) + 1);
  else (void)tm_error_set(error, TM_ENGINE_ARGUMENT, code, "the name of the video source is too long");
  if (code == 0 && prepare(source, error) == TM_ENGINE_OK) {
    bool file = source->kind == TM_ENDPOINT_FILE;
    code = tm_thread_start(&source->thread, file ? "tm-film" : "tm-camera", TM_PRIORITY_NONE,
                           file ? tm_video_file_thread : tm_video_camera_thread, source, NULL);
    if (code == 0) return source;
    (void)tm_error_set(error, TM_ENGINE_THREAD, code, "%s: %s", source->name, strerror(-code));
  }
  source_free(source);
  return NULL;
}

static void source_end(tm_video_source *source)
{
  (void)pthread_mutex_lock(&source->lock);
  source->quit = true;
  (void)pthread_cond_signal(&source->changed);
  (void)pthread_mutex_unlock(&source->lock);
  (void)pthread_join(source->thread, NULL);
  source_free(source);
}

// A camera is one for all; everybody sees a file from its beginning.
static tm_video_source *find(const tm_video_pool *pool, const tm_endpoint *endpoint)
{
  if (endpoint->kind != TM_ENDPOINT_DEVICE) return NULL;
  for (tm_video_source *source = pool->sources; source; source = source->next)
    if (source->kind == endpoint->kind && strcmp(source->name, endpoint->name) == 0) return source;
  return NULL;
}

static bool join(tm_video_source *source, tm_video_feed *feed)
{
  (void)pthread_mutex_lock(&source->lock);
  bool room = source->count < TM_VIDEO_FEEDS;
  if (room) source->feeds[source->count++] = feed;
  (void)pthread_mutex_unlock(&source->lock);
  return room;
}

tm_video_feed *tm_video_feed_open(tm_video_pool *pool, const tm_endpoint *endpoint, const tm_video_listener *listener, tm_error *error)
{
  tm_video_feed *feed = calloc(1, sizeof *feed);
  if (!feed) {
    (void)tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for a video source");
    return NULL;
  }
  if (tm_video_port_init(&feed->port, listener, error) != TM_ENGINE_OK) {
    free(feed);
    return NULL;
  }
  (void)pthread_mutex_lock(&pool->lock);
  tm_video_source *source = find(pool, endpoint);
  bool old = source != NULL;
  if (!old) source = source_create(pool, endpoint, error);
  if (source && !join(source, feed)) {
    (void)tm_error_set(error, TM_ENGINE_LIMIT, 0, "%s: more than %d takers", endpoint->name, TM_VIDEO_FEEDS);
    source = NULL;
  }
  if (source && !old) {
    source->next = pool->sources;
    pool->sources = source;
  }
  (void)pthread_mutex_unlock(&pool->lock);
  feed->pool = pool;
  feed->source = source;
  if (source) return feed;
  tm_video_port_release(&feed->port);
  free(feed);
  return NULL;
}

static void unlink_source(tm_video_pool *pool, const tm_video_source *source)
{
  for (tm_video_source **at = &pool->sources; *at; at = &(*at)->next) {
    if (*at != source) continue;
    *at = source->next;
    return;
  }
}

static bool leave(tm_video_source *source, const tm_video_feed *feed)
{
  (void)pthread_mutex_lock(&source->lock);
  for (unsigned i = 0; i < source->count; i++)
    if (source->feeds[i] == feed) source->feeds[i] = source->feeds[--source->count];
  bool empty = source->count == 0;
  (void)pthread_cond_signal(&source->changed);
  (void)pthread_mutex_unlock(&source->lock);
  return empty;
}

void tm_video_feed_close(tm_video_feed *feed)
{
  if (!feed) return;
  (void)pthread_mutex_lock(&feed->pool->lock);
  if (leave(feed->source, feed)) {
    unlink_source(feed->pool, feed->source);
    source_end(feed->source);
  }
  (void)pthread_mutex_unlock(&feed->pool->lock);
  tm_encoder_destroy(feed->encoder);
  tm_picture_destroy(&feed->picture);
  tm_video_port_release(&feed->port);
  free(feed);
}

void tm_video_feed_wish(tm_video_feed *feed, const tm_video_wish *wish)
{
  tm_video_port_wish(&feed->port, wish);
  // The lock may be held for as long as a picture is encoded.
  (void)pthread_mutex_lock(&feed->source->lock);
  (void)pthread_cond_signal(&feed->source->changed);
  (void)pthread_mutex_unlock(&feed->source->lock);
}
