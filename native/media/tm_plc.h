// Waveform packet loss concealment for codecs without their own, after the idea of ITU-T G.711 Appendix I: the last
// pitch period goes on, fades out, and is cross-faded into the next good sound. One thread; nothing allocates after creation.
#ifndef TM_PLC_H
#define TM_PLC_H

#include <stddef.h>
#include <stdint.h>

#include "tm_status.h"

typedef struct tm_plc tm_plc;

/// sample_hz 8000..48000. Errors: ARGUMENT, MEMORY.
tm_status tm_plc_create(uint32_t sample_hz, tm_plc **plc);
void tm_plc_destroy(tm_plc *plc);
/// Good sound, in order; the beginning is changed in place when sound was made up before it (cross-fade).
void tm_plc_good(tm_plc *plc, int16_t *pcm, size_t samples);
/// Makes up sound: full level for 10 ms, silent after 60 ms.
void tm_plc_lost(tm_plc *plc, int16_t *pcm, size_t samples);
/// The next good sound does not continue the last one (other source, time jump): it is cross-faded.
void tm_plc_break(tm_plc *plc);

#endif
