// A video stream's parts: made and freed by the control thread, attached in mid-call, finished by housekeeping.
#include "video_stream.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "engine_private.h"

enum {
  TRAFFIC_CLASS = IPTOS_DSCP_AF41,  // RFC 4594 4.4: video conferencing
  PRIORITY_VIDEO = 5,               // Linux: to the 802.11e video queue
  SOCKET_OCTETS = 1 << 19,          // a key frame that comes in one go
};

tm_video_stream *tm_video_by_id(const tm_engine *engine, uint32_t id)
{
  tm_session *session = tm_session_by_id(engine, id);
  return session && session->kind->media == TM_MEDIA_VIDEO ? tm_video_of(session) : NULL;
}

static void on_packets(void *context)
{
  tm_video_stream *stream = context;
  tm_loop_wake(&stream->session.engine->packet.loop);
}

static void on_trouble(void *context, const tm_error *error)
{
  tm_video_stream *stream = context;
  tm_event event = {.kind = TM_EVENT_TROUBLE, .stream = stream->session.id, .error = *error};
  (void)tm_engine_emit(stream->session.engine, &event);
}

static void on_recovered(void *context)
{
  tm_video_stream *stream = context;
  tm_event event = {.kind = TM_EVENT_RECOVERED, .stream = stream->session.id};
  (void)tm_engine_emit(stream->session.engine, &event);
}

// Only what the host allows: a stream without its marks is a stream.
static void prepare_socket(sa_family_t family, int fd)
{
  int class = TRAFFIC_CLASS, priority = PRIORITY_VIDEO, octets = SOCKET_OCTETS;
  if (family == AF_INET6) (void)setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof class);
  else (void)setsockopt(fd, IPPROTO_IP, IP_TOS, &class, sizeof class);
  (void)setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof priority);
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets);
  (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &octets, sizeof octets);
}

static void close_sink(tm_video_stream *stream, tm_video_sink *sink)
{
  tm_error error;
  if (sink && !tm_video_sink_close(sink, &error)) on_trouble(stream, &error);
}

static bool pass_on(tm_session *session)
{
  tm_command close = {.kind = TM_COMMAND_CLOSE, .session = session};
  return tm_worker_send(&session->engine->house, &close);
}

static bool flush(tm_session *session)
{
  tm_video_stream *stream = tm_video_of(session);
  tm_error error;
  if (!stream->flushed_sink) return false;
  if (!tm_video_sink_flush(stream->flushed_sink, &error)) on_trouble(stream, &error);
  if (!stream->told_missed && tm_video_sink_missed(stream->flushed_sink) > 0) {
    stream->told_missed = true;
    (void)tm_error_set(&error, TM_ENGINE_FILE, 0, "the disk is too slow, pictures are missing");
    on_trouble(stream, &error);
  }
  return true;
}

static void tidy(tm_session *session, const tm_command *command)
{
  tm_video_stream *stream = tm_video_of(session);
  if (command->kind != TM_COMMAND_VIDEO_ATTACH) return;
  tm_video_ends *old = command->video_ends;
  if (old->has_sink) stream->flushed_sink = old->new_sink;
  close_sink(stream, old->sink);
  tm_video_feed_close(old->feed);
  free(old);
}

static void finish(tm_session *session)
{
  tm_video_stream *stream = tm_video_of(session);
  stream->flushed_sink = NULL;
  close_sink(stream, stream->sink);
  tm_video_feed_close(stream->feed);
  stream->sink = NULL;
  stream->feed = NULL;
}

static void free_stream(tm_session *session)
{
  tm_video_stream *stream = tm_video_of(session);
  if (stream->setup) tm_video_setup_free(stream->setup);
  tm_h264_depay_destroy(stream->depay);
  tm_picture_ring_release(&stream->pictures);
  free(stream->cache);
  tm_session_release(session);
  free(stream);
}

static const tm_session_kind video_kind = {.media = TM_MEDIA_VIDEO,
                                           .classify = tm_video_classify,
                                           .take = tm_video_take,
                                           .feedback = tm_video_feedback,
                                           .owed = tm_video_owed,
                                           .report = tm_video_report,
                                           .left = tm_video_left,
                                           .prepare = prepare_socket,
                                           .obey = tm_video_obey,
                                           .beat = tm_video_beat,
                                           .deadline = tm_video_deadline,
                                           .pass_on = pass_on,
                                           .flush = flush,
                                           .tidy = tidy,
                                           .finish = finish,
                                           .free = free_stream};

tm_engine_status tm_video_open(tm_engine *engine, const tm_video_options *options, uint32_t *id, tm_error *error)
{
  uint32_t next = tm_engine_next_id(engine);
  if (next == 0) return tm_error_set(error, TM_ENGINE_LIMIT, 0, "%d streams are open already", TM_ENGINE_MAX_STREAMS);
  tm_video_stream *stream = calloc(1, sizeof *stream);
  if (!stream) return tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for a stream");
  tm_engine_status status = tm_session_init(&stream->session, &video_kind, engine, next, options->address, options->port_from,
                                            options->port_to, error);
  if (status != TM_ENGINE_OK) {
    free_stream(&stream->session);
    return status;
  }
  atomic_init(&stream->counters.first_frame_us, -1);
  tm_engine_adopt(engine, &stream->session);
  *id = next;
  return TM_ENGINE_OK;
}

void tm_video_tell_wish(tm_video_stream *stream)
{
  if (stream->control_feed) tm_video_feed_wish(stream->control_feed, &stream->wish);
}

static tm_engine_status open_feed(tm_video_stream *stream, const tm_endpoint *capture, tm_video_feed **feed, tm_error *error)
{
  tm_video_listener listener = {.packets = on_packets, .trouble = on_trouble, .recovered = on_recovered, .context = stream};
  if (capture->kind == TM_ENDPOINT_NULL) return TM_ENGINE_OK;
  if (capture->kind == TM_ENDPOINT_TONE) return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "a tone is no picture");
  tm_error reason = {.status = TM_ENGINE_MEMORY};
  *feed = tm_video_feed_open(stream->session.engine->cameras, capture, &listener, &reason);
  if (!*feed && error) *error = reason;
  return *feed ? TM_ENGINE_OK : reason.status;
}

static tm_engine_status open_sink(const tm_endpoint *endpoint, tm_video_sink **sink, tm_error *error)
{
  if (endpoint->kind == TM_ENDPOINT_NULL) return TM_ENGINE_OK;
  if (endpoint->kind != TM_ENDPOINT_FILE) return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "video goes into a file only");
  tm_error reason = {.status = TM_ENGINE_MEMORY};
  *sink = tm_video_sink_open(endpoint->name, &reason);
  if (!*sink && error) *error = reason;
  return *sink ? TM_ENGINE_OK : reason.status;
}

tm_engine_status tm_video_attach(tm_engine *engine, uint32_t id, const tm_endpoint *capture, const tm_endpoint *sink, tm_error *error)
{
  tm_error unheard;
  tm_video_stream *stream = tm_video_by_id(engine, id);
  if (!stream || stream->session.close_asked) return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "the stream is closed");
  tm_video_ends *ends = calloc(1, sizeof *ends);
  if (!ends) return tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for a stream");
  tm_engine_status status = TM_ENGINE_OK;
  ends->has_feed = capture != NULL;
  ends->has_sink = sink != NULL;
  if (capture) status = open_feed(stream, capture, &ends->feed, error);
  if (sink && status == TM_ENGINE_OK) status = open_sink(sink, &ends->sink, error);
  tm_command attach = {.kind = TM_COMMAND_VIDEO_ATTACH, .session = &stream->session, .video_ends = ends};
  if (status == TM_ENGINE_OK) {
    if (capture) stream->control_feed = ends->feed;
    if (capture && stream->has_depay) tm_video_tell_wish(stream);
    while (!tm_worker_send(&engine->packet, &attach)) sched_yield();
    return TM_ENGINE_OK;
  }
  tm_video_feed_close(ends->feed);
  if (ends->sink) (void)tm_video_sink_close(ends->sink, &unheard);
  free(ends);
  return status;
}

tm_engine_status tm_video_request_key(tm_engine *engine, uint32_t id)
{
  tm_video_stream *stream = tm_video_by_id(engine, id);
  if (!stream || stream->session.close_asked) return TM_ENGINE_ARGUMENT;
  tm_command command = {.kind = TM_COMMAND_VIDEO_KEY, .session = &stream->session};
  return tm_worker_send(&engine->packet, &command) ? TM_ENGINE_OK : TM_ENGINE_LIMIT;
}

bool tm_video_next_frame(tm_engine *engine, uint32_t id, tm_video_frame *frame)
{
  tm_video_stream *stream = tm_video_by_id(engine, id);
  if (!stream || !stream->pictures.ring) return false;
  // First told again, then looked: a picture that comes between is told of.
  atomic_store_explicit(&stream->pictures_told, false, memory_order_seq_cst);
  return tm_picture_ring_next(&stream->pictures, frame);
}

void tm_video_take_frame(tm_engine *engine, uint32_t id, const tm_video_frame *frame, uint8_t *data)
{
  tm_video_stream *stream = tm_video_by_id(engine, id);
  if (!stream || !stream->pictures.ring) return;
  (void)tm_ring_drop(stream->pictures.ring, sizeof *frame);
  (void)tm_ring_read(stream->pictures.ring, data, frame->octets);
}

tm_engine_status tm_video_describe(tm_engine *engine, const tm_endpoint *capture, uint8_t level_idc, tm_video_description *description,
                                   tm_error *error)
{
  if (capture->kind != TM_ENDPOINT_FILE && capture->kind != TM_ENDPOINT_DEVICE)
    return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "no video source");
  if (!tm_h264_level_limits(level_idc, false)) return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "no level %u", level_idc);
  return tm_video_source_describe(engine->cameras, capture, level_idc, description, error);
}

void tm_engine_cameras(void (*each)(void *context, const char *name, const char *description), void *context)
{
  tm_camera_list(each, context);
}
