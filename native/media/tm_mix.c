// See tm_mix.h. A slot holds the sum of all; a reader takes its own part off again.
#include "tm_mix.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
  UNITY = 1 << 15,       // of a gain
  RELEASE = UNITY / 64,  // a slot: turned up again within 1.3 s
};

typedef struct {
  uint64_t number;
  bool used;
  int32_t sum[TM_MIX_SAMPLES];
} slot_sum;

typedef struct {
  uint64_t number;
  bool used;
  int16_t pcm[TM_MIX_SAMPLES];
} slot_part;

struct tm_mix {
  slot_sum slots[TM_MIX_SLOTS];
};

struct tm_mix_member {
  tm_mix *mix;
  slot_part parts[TM_MIX_SLOTS];
  int32_t gain;
};

tm_status tm_mix_create(tm_mix **mix)
{
  *mix = calloc(1, sizeof **mix);
  return *mix ? TM_OK : TM_ERR_MEMORY;
}

void tm_mix_destroy(tm_mix *mix)
{
  free(mix);
}

tm_status tm_mix_member_create(tm_mix *mix, tm_mix_member **member)
{
  *member = calloc(1, sizeof **member);
  if (!*member) return TM_ERR_MEMORY;
  (*member)->mix = mix;
  (*member)->gain = UNITY;
  return TM_OK;
}

void tm_mix_member_destroy(tm_mix_member *member)
{
  free(member);
}

void tm_mix_write(tm_mix_member *member, uint64_t slot, const int16_t pcm[TM_MIX_SAMPLES])
{
  slot_sum *all = &member->mix->slots[slot % TM_MIX_SLOTS];
  slot_part *own = &member->parts[slot % TM_MIX_SLOTS];
  if (all->used && all->number > slot) return;
  if (own->used && own->number == slot) return;
  if (!all->used || all->number != slot) {
    all->used = true;
    all->number = slot;
    memset(all->sum, 0, sizeof all->sum);
  }
  own->used = true;
  own->number = slot;
  memcpy(own->pcm, pcm, sizeof own->pcm);
  for (size_t i = 0; i < TM_MIX_SAMPLES; i++) all->sum[i] += pcm[i];
}

static int32_t highest(const int32_t *pcm)
{
  int32_t peak = 0;
  for (size_t i = 0; i < TM_MIX_SAMPLES; i++) {
    int32_t level = pcm[i] < 0 ? -pcm[i] : pcm[i];
    if (level > peak) peak = level;
  }
  return peak;
}

// The gain moves over the slot: down at once where it must, up slowly; never above what the loudest sample bears.
static void limit(tm_mix_member *member, const int32_t *sum, int16_t *pcm)
{
  int32_t peak = highest(sum);
  int32_t bound = peak > INT16_MAX ? (int32_t)((int64_t)INT16_MAX * UNITY / peak) : UNITY;
  int32_t from = member->gain < bound ? member->gain : bound;
  int32_t to = from + RELEASE < bound ? from + RELEASE : bound;
  for (int32_t i = 0; i < TM_MIX_SAMPLES; i++) {
    int64_t gain = from + (int64_t)(to - from) * i / TM_MIX_SAMPLES;
    pcm[i] = (int16_t)(sum[i] * gain / UNITY);
  }
  member->gain = to;
}

void tm_mix_read(tm_mix_member *member, uint64_t slot, int16_t pcm[TM_MIX_SAMPLES])
{
  const slot_sum *all = &member->mix->slots[slot % TM_MIX_SLOTS];
  const slot_part *own = &member->parts[slot % TM_MIX_SLOTS];
  int32_t others[TM_MIX_SAMPLES];
  if (!all->used || all->number != slot) {
    memset(pcm, 0, TM_MIX_SAMPLES * sizeof *pcm);
    return;
  }
  memcpy(others, all->sum, sizeof others);
  if (own->used && own->number == slot)
    for (size_t i = 0; i < TM_MIX_SAMPLES; i++) others[i] -= own->pcm[i];
  limit(member, others, pcm);
}
