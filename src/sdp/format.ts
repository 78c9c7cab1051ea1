// Writes a session description: every line in its order, ended by CRLF (RFC 8866 5).
import type { SessionDescription } from './model.ts';

export function formatSdp(description: SessionDescription): Buffer {
  const lines = [...description.lines, ...description.media.flatMap((media) => media.lines)];
  return Buffer.from(lines.map(({ type, value }) => `${type}=${value}\r\n`).join(''), 'latin1');
}
