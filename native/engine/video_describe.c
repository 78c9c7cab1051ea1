// Control side: what a source would send, for the SDP that comes before there is a stream.
#include <errno.h>
#include <string.h>

#include "stream.h"
#include "video_source_private.h"

static tm_engine_status describe_sets(tm_parameter_sets *sets, tm_video_description *description, tm_error *error)
{
  tm_h264_sps sps;
  tm_nal nal;
  if (tm_parameter_sets_compose(sets, description->sets, sizeof description->sets) != TM_OK) description->sets[0] = '\0';
  for (size_t i = 0; i < sets->count; i++) {
    if (sets->sets[i].type != TM_NAL_SPS || tm_nal_header(sets->sets[i].data, sets->sets[i].bytes, &nal) != TM_OK) continue;
    if (tm_h264_read_sps(&nal, &sps) != TM_OK) continue;
    description->profile_level_id = (uint32_t)sps.profile_idc << 16 | (uint32_t)sps.constraints << 8 | sps.level_idc;
    description->width = sps.width;
    description->height = sps.height;
    return TM_ENGINE_OK;
  }
  return tm_error_set(error, TM_ENGINE_CODEC, 0, "no parameter sets");
}

static size_t largest_unit(const uint8_t *data, size_t octets)
{
  tm_nal_scanner scanner;
  tm_nal nal;
  size_t largest = 0;
  tm_nal_scan(&scanner, data, octets);
  while (tm_nal_next(&scanner, &nal) == TM_OK)
    if (nal.bytes > largest) largest = nal.bytes;
  return largest;
}

static tm_engine_status describe_file(const char *name, tm_parameter_sets *sets, tm_video_description *description, tm_error *error)
{
  tm_annexb_options options = {.max_frame = TM_VIDEO_UNIT_OCTETS};
  tm_annexb_reader *reader;
  tm_annexb_frame frame;
  tm_status status = tm_annexb_open(name, &options, &reader);
  if (status != TM_OK) return tm_video_file_error(error, name, status);
  description->fps = (tm_annexb_millifps(reader) + 500) / 1000;
  status = tm_annexb_next(reader, &frame);
  if (status == TM_OK) {
    (void)tm_parameter_sets_note_unit(sets, frame.data, frame.bytes);
    description->fragments = largest_unit(frame.data, frame.bytes) > TM_H264_PAYLOAD_BYTES;
  }
  tm_annexb_close(reader);
  return status == TM_OK ? TM_ENGINE_OK : tm_video_file_error(error, name, status);
}

// `info`: the camera's own size, 0 when somebody else has it now.
static tm_engine_status describe_encoder(const tm_video_pool *pool, uint8_t level_idc, const tm_camera_info *info, tm_parameter_sets *sets,
                                         tm_video_description *description, tm_error *error)
{
  tm_video_format format = tm_video_fit(pool, level_idc, info->width, info->height);
  tm_encoder_config config = {.width = format.width,
                              .height = format.height,
                              .fps = format.fps,
                              .bits_per_second = tm_video_worth(&format),
                              .level_idc = level_idc};
  tm_encoder *encoder;
  const uint8_t *data;
  size_t octets;
  tm_status status = tm_encoder_create(TM_ENCODER_BOARD, &config, &encoder);
  if (status != TM_OK) status = tm_encoder_create(TM_ENCODER_SOFTWARE, &config, &encoder);
  if (status != TM_OK) return tm_error_set(error, TM_ENGINE_CODEC, 0, "the video encoder: %s", tm_status_text(status));
  status = tm_encoder_parameter_sets(encoder, &data, &octets);
  if (status == TM_OK) (void)tm_parameter_sets_note_unit(sets, data, octets);
  tm_encoder_destroy(encoder);
  description->fps = format.fps;
  return status == TM_OK ? TM_ENGINE_OK : tm_error_set(error, TM_ENGINE_CODEC, 0, "the video encoder: %s", tm_status_text(status));
}

tm_engine_status tm_video_source_describe(tm_video_pool *pool, const tm_endpoint *endpoint, uint8_t level_idc,
                                          tm_video_description *description, tm_error *error)
{
  tm_parameter_sets sets;
  tm_video_format format = tm_video_fit(pool, level_idc, 0, 0);
  tm_camera_wish wish = {.width = format.width, .height = format.height, .fps = format.fps, .h264 = true};
  tm_camera_info info = {.format = TM_CAMERA_YUYV};
  int code = 0;
  tm_parameter_sets_clear(&sets);
  *description = (tm_video_description){.fps = format.fps};
  if (endpoint->kind == TM_ENDPOINT_FILE) {
    tm_engine_status status = describe_file(endpoint->name, &sets, description, error);
    return status == TM_ENGINE_OK ? describe_sets(&sets, description, error) : status;
  }
  tm_status status = tm_camera_probe(pool->system, endpoint->name, &wish, &info, &code);
  if (status != TM_OK && code != EBUSY) return tm_video_camera_error(error, endpoint->name, status, code);
  if (info.format == TM_CAMERA_H264) {
    // A camera tells its sets with its first picture only: they go in-band.
    description->width = info.width;
    description->height = info.height;
    description->fragments = true;
    description->profile_level_id = UINT32_C(0x42E000) | level_idc;
    return TM_ENGINE_OK;
  }
  tm_engine_status coded = describe_encoder(pool, level_idc, &info, &sets, description, error);
  return coded == TM_ENGINE_OK ? describe_sets(&sets, description, error) : coded;
}
