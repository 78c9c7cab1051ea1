// Status codes of every part of the engine; zero is success.
#ifndef TM_STATUS_H
#define TM_STATUS_H

typedef enum tm_status {
  TM_OK = 0,          // done
  TM_ERR_ARGUMENT,    // the caller handed in a value outside the contract (our bug)
  TM_ERR_MEMORY,      // creation only: no memory
  TM_ERR_SPACE,       // the caller's buffer or a fixed capacity is too small; nothing was written
  TM_ERR_TRUNCATED,   // input ends before its own length fields say
  TM_ERR_MALFORMED,   // input breaks its format
  TM_ERR_VERSION,     // RTP or RTCP version other than 2
  TM_ERR_UNSUPPORTED, // well-formed, but a variant that we do not do
  TM_ERR_NOT_FOUND,   // no such file or device
  TM_ERR_ACCESS,      // file or device may not be opened
  TM_ERR_IO,          // reading or writing failed; errno holds the cause
  TM_ERR_DISK_FULL,   // no space left, quota or file size limit reached
  TM_ERR_END,         // nothing more to read
  TM_ERR_DUPLICATE,   // was there before, or is too old to tell
  TM_ERR_CODEC,       // the codec library failed
} tm_status;

/// Stable lower-case word for a status ("ok", "truncated", "disk-full" ...), never NULL. Static storage. Any thread.
const char *tm_status_text(tm_status status);

#endif
