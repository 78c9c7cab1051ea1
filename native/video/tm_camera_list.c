// Cameras of this host: by the names that udev keeps for a piece of hardware, where it does.
#include <dirent.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tm_camera.h"

enum { NAME_OCTETS = 320, MAX_DEVICES = 64 };

static const char BY_ID[] = "/dev/v4l/by-id";

typedef struct {
  dev_t numbers[MAX_DEVICES];
  unsigned count;
} seen;

static bool describe(const char *path, char *text, size_t octets)
{
  struct v4l2_capability capability = {0};
  int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return false;
  bool is = ioctl(fd, VIDIOC_QUERYCAP, &capability) == 0;
  close(fd);
  uint32_t can = capability.capabilities & V4L2_CAP_DEVICE_CAPS ? capability.device_caps : capability.capabilities;
  (void)snprintf(text, octets, "%.*s", (int)sizeof capability.card, (const char *)capability.card);
  return is && can & V4L2_CAP_VIDEO_CAPTURE;
}

// True the first time that a device comes by, under whatever name.
static bool is_new(seen *known, const char *path)
{
  struct stat status;
  if (stat(path, &status) != 0 || known->count == MAX_DEVICES) return false;
  for (unsigned i = 0; i < known->count; i++)
    if (known->numbers[i] == status.st_rdev) return false;
  known->numbers[known->count++] = status.st_rdev;
  return true;
}

static void list_folder(const char *folder, const char *prefix, seen *known,
                        void (*each)(void *context, const char *name, const char *description), void *context)
{
  char path[NAME_OCTETS], text[NAME_OCTETS];
  DIR *directory = opendir(folder);
  if (!directory) return;
  for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
    if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0) continue;
    (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    if (describe(path, text, sizeof text) && is_new(known, path)) each(context, path, text);
  }
  (void)closedir(directory);
}

void tm_camera_list(void (*each)(void *context, const char *name, const char *description), void *context)
{
  seen known = {.count = 0};
  list_folder(BY_ID, "", &known, each, context);
  list_folder("/dev", "video", &known, each, context);
}
