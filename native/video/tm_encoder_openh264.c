// H.264 by openh264: constrained baseline, one reference, CAVLC, constant parameter set ids.
#include <stdlib.h>
#include <string.h>

#include <wels/codec_api.h>

#include "tm_encoder_impl.h"
#include "tm_parameter_sets.h"

enum {
  KEY_INTERVAL_S = 10,  // for peers that cannot ask; who can, asks
  MAX_QP = 45,
  MIN_QP = 18,
  MAX_RATE_PERCENT = 120,
  LEVEL_PERCENT = 90,  // of the level's bit rate: the library takes no target that reaches it
};

typedef struct {
  ISVCEncoder *encoder;
  uint8_t *unit;
  size_t capacity;
  bool force;
  int level_bps;
} state;

static int target_of(uint32_t bits_per_second, int level_bps)
{
  int most = (int)((int64_t)level_bps * LEVEL_PERCENT / 100);
  return bits_per_second < (uint32_t)most ? (int)bits_per_second : most;
}

// Peaks above the target, but never above the level: the library refuses those.
static int peak_of(int64_t rate, int level_bps)
{
  int64_t peak = rate * MAX_RATE_PERCENT / 100;
  return peak > level_bps ? level_bps : (int)peak;
}

static void fill(SEncParamExt *parameters, const tm_encoder_config *config, int level_bps)
{
  int rate = target_of(config->bits_per_second, level_bps);
  parameters->iUsageType = CAMERA_VIDEO_REAL_TIME;
  parameters->iPicWidth = (int)config->width;
  parameters->iPicHeight = (int)config->height;
  parameters->iTargetBitrate = rate;
  parameters->iMaxBitrate = peak_of(rate, level_bps);
  parameters->iRCMode = RC_BITRATE_MODE;
  parameters->fMaxFrameRate = (float)config->fps;
  parameters->iTemporalLayerNum = 1;
  parameters->iSpatialLayerNum = 1;
  parameters->iComplexityMode = LOW_COMPLEXITY;
  parameters->uiIntraPeriod = config->fps * KEY_INTERVAL_S;
  parameters->iNumRefFrame = 1;
  parameters->eSpsPpsIdStrategy = CONSTANT_ID;
  parameters->bPrefixNalAddingCtrl = false;
  parameters->iEntropyCodingModeFlag = 0;
  parameters->bEnableFrameSkip = true;
  parameters->iMaxQp = MAX_QP;
  parameters->iMinQp = MIN_QP;
  parameters->iMultipleThreadIdc = 1;
  parameters->bEnableDenoise = false;
  parameters->bEnableSceneChangeDetect = false;  // a cut is a big frame that the network has to carry: P slices do
  SSpatialLayerConfig *layer = &parameters->sSpatialLayers[0];
  layer->iVideoWidth = parameters->iPicWidth;
  layer->iVideoHeight = parameters->iPicHeight;
  layer->fFrameRate = parameters->fMaxFrameRate;
  layer->iSpatialBitrate = rate;
  layer->iMaxSpatialBitrate = parameters->iMaxBitrate;
  layer->uiProfileIdc = PRO_BASELINE;
  layer->uiLevelIdc = (ELevelIdc)config->level_idc;
  layer->sSliceArgument.uiSliceMode = SM_SINGLE_SLICE;
  if (config->slice_octets > 0) {
    layer->sSliceArgument.uiSliceMode = SM_SIZELIMITED_SLICE;
    layer->sSliceArgument.uiSliceSizeConstraint = (unsigned)config->slice_octets;
    parameters->uiMaxNalSize = (unsigned)config->slice_octets;
  }
}

static void destroy(void *context)
{
  state *self = context;
  if (self->encoder) {
    (void)(*self->encoder)->Uninitialize(self->encoder);
    WelsDestroySVCEncoder(self->encoder);
  }
  free(self->unit);
  free(self);
}

static tm_status create(const tm_encoder_config *config, void **context)
{
  SEncParamExt parameters;
  int silent = WELS_LOG_QUIET;
  const tm_h264_level *level = tm_h264_level_limits(config->level_idc, false);
  if (!level) return TM_ERR_ARGUMENT;
  state *self = calloc(1, sizeof *self);
  if (!self) return TM_ERR_MEMORY;
  self->level_bps = (int)level->bits_per_second;
  self->capacity = (size_t)config->width * config->height * 3 / 2;  // an encoder that writes more than raw is broken
  self->unit = malloc(self->capacity);
  if (!self->unit || WelsCreateSVCEncoder(&self->encoder) != 0) {
    destroy(self);
    return TM_ERR_MEMORY;
  }
  (void)(*self->encoder)->SetOption(self->encoder, ENCODER_OPTION_TRACE_LEVEL, &silent);
  (*self->encoder)->GetDefaultParams(self->encoder, &parameters);
  fill(&parameters, config, self->level_bps);
  if ((*self->encoder)->InitializeExt(self->encoder, &parameters) != cmResultSuccess) {
    destroy(self);
    return TM_ERR_CODEC;
  }
  *context = self;
  return TM_OK;
}

static tm_status set_rate(void *context, uint32_t bits_per_second, unsigned fps)
{
  state *self = context;
  float frames = (float)fps;
  int target = target_of(bits_per_second, self->level_bps);
  SBitrateInfo rate = {.iLayer = SPATIAL_LAYER_ALL, .iBitrate = target};
  SBitrateInfo maximum = {.iLayer = SPATIAL_LAYER_ALL, .iBitrate = peak_of(target, self->level_bps)};
  int failed = 0;
  // The target may never be above the maximum; which of them goes first depends on the direction: the second round settles it.
  for (int round = 0; round < 2; round++) {
    failed = (*self->encoder)->SetOption(self->encoder, ENCODER_OPTION_MAX_BITRATE, &maximum);
    failed |= (*self->encoder)->SetOption(self->encoder, ENCODER_OPTION_BITRATE, &rate);
  }
  failed |= (*self->encoder)->SetOption(self->encoder, ENCODER_OPTION_FRAME_RATE, &frames);
  return failed ? TM_ERR_CODEC : TM_OK;
}

static void force_key(void *context)
{
  ((state *)context)->force = true;
}

// All NAL units of the frame, one after the other. Nothing when they do not fit.
static size_t gather(state *self, const SFrameBSInfo *frame)
{
  size_t octets = 0;
  for (int i = 0; i < frame->iLayerNum; i++) {
    const SLayerBSInfo *layer = &frame->sLayerInfo[i];
    size_t length = 0;
    for (int nal = 0; nal < layer->iNalCount; nal++) length += (size_t)layer->pNalLengthInByte[nal];
    if (length > self->capacity - octets) return 0;
    memcpy(self->unit + octets, layer->pBsBuf, length);
    octets += length;
  }
  return octets;
}

static tm_status encode(void *context, const tm_picture *picture, int64_t time_ms, tm_encoded *out)
{
  state *self = context;
  SFrameBSInfo frame = {0};
  SSourcePicture source = {.iColorFormat = videoFormatI420,
                           .iStride = {(int)picture->width, (int)picture->width / 2, (int)picture->width / 2, 0},
                           .pData = {picture->y, picture->u, picture->v, NULL},
                           .iPicWidth = (int)picture->width,
                           .iPicHeight = (int)picture->height,
                           .uiTimeStamp = time_ms};
  if (self->force) (void)(*self->encoder)->ForceIntraFrame(self->encoder, true);
  if ((*self->encoder)->EncodeFrame(self->encoder, &source, &frame) != cmResultSuccess) return TM_ERR_CODEC;
  if (frame.eFrameType == videoFrameTypeSkip || frame.eFrameType == videoFrameTypeInvalid) return TM_OK;
  out->octets = gather(self, &frame);
  if (out->octets == 0) return TM_ERR_CODEC;
  out->data = self->unit;
  out->key = frame.eFrameType == videoFrameTypeIDR;
  if (out->key) self->force = false;
  return TM_OK;
}

static tm_status parameter_sets(void *context, const uint8_t **data, size_t *octets)
{
  state *self = context;
  SFrameBSInfo frame = {0};
  if ((*self->encoder)->EncodeParameterSets(self->encoder, &frame) != cmResultSuccess) return TM_ERR_CODEC;
  *octets = gather(self, &frame);
  *data = self->unit;
  return *octets > 0 ? TM_OK : TM_ERR_CODEC;
}

const tm_encoder_impl tm_encoder_openh264 = {create, destroy, set_rate, force_key, encode, parameter_sets};
