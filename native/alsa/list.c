// The audio devices of this host by names that survive a reboot: the card's id, not its number.
#include <alsa/asoundlib.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

// Converters and front ends of alsa-lib's plug-ins: no devices of their own.
static const char *const not_devices[] = {"null",     "lavrate", "samplerate", "speexrate", "jack",      "oss",
                                          "pipewire", "speex",   "upmix",      "vdownmix",  "usbstream"};

// Of the many names of a card the one with conversion by ALSA: every format and channel count works.
static bool is_offered(const char *name)
{
  const char *colon = strchr(name, ':');
  if (colon) return strncmp(name, "plughw:CARD=", strlen("plughw:CARD=")) == 0;
  for (size_t i = 0; i < sizeof not_devices / sizeof not_devices[0]; i++)
    if (strcmp(name, not_devices[i]) == 0) return false;
  return true;
}

// A PCM of somebody's own configuration says in IOID for which direction it is; no IOID: both.
static bool has_direction(const void *hint, bool capture)
{
  char *direction = snd_device_name_get_hint(hint, "IOID");
  bool fits = !direction || strcmp(direction, capture ? "Input" : "Output") == 0;
  free(direction);
  return fits;
}

void tm_engine_devices(bool capture, void (*each)(void *context, const char *name, const char *description), void *context)
{
  void **hints = NULL;
  if (snd_device_name_hint(-1, "pcm", &hints) < 0) return;
  for (void **hint = hints; *hint; hint++) {
    char *name = snd_device_name_get_hint(*hint, "NAME");
    char *description = snd_device_name_get_hint(*hint, "DESC");
    if (name && is_offered(name) && has_direction(*hint, capture)) each(context, name, description ? description : name);
    free(name);
    free(description);
  }
  (void)snd_device_name_free_hint(hints);
}
