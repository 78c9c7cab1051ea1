// rtpengine as far as its control protocol goes: profiles change, ports are its own. Real ones judge in test/peers.
import { Signal } from '#src/base/events.ts';
import { type BencodedDictionary, bencode, isDictionary, parseBencode } from '#src/operator/edge/bencode.ts';
import type { NgSocket } from '#src/operator/edge/ng-client.ts';

const KEY = 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj';

export class FakeNg implements NgSocket {
  readonly onMessage = new Signal<Buffer>();
  readonly requests: BencodedDictionary[] = [];
  readonly cookies: string[] = [];
  /** Datagrams that are lost. */
  lose = 0;
  /** Each command is refused with this reason. */
  refusal: string | undefined;
  closed = false;
  readonly #offered = new Map<string, string>();

  commands(): string[] {
    return this.requests.map(({ command }) => String(command));
  }

  last(command: string): BencodedDictionary | undefined {
    return this.requests.findLast((request) => request.command === command);
  }

  send(message: Buffer): void {
    const text = message.toString('latin1');
    const [cookie = ''] = text.split(' ');
    this.cookies.push(cookie);
    if (this.lose > 0) {
      this.lose -= 1;
      return;
    }
    const parsed = parseBencode(text.slice(cookie.length + 1));
    if (!parsed.ok || !isDictionary(parsed.value)) throw new Error(`unreadable: ${text}`);
    this.requests.push(parsed.value);
    this.answer(cookie, this.#answer(parsed.value));
  }

  answer(cookie: string, fields: BencodedDictionary): void {
    this.onMessage.emit(Buffer.from(`${cookie} ${bencode(fields)}`, 'latin1'));
  }

  #answer(request: BencodedDictionary): BencodedDictionary {
    if (this.refusal !== undefined) return { result: 'error', 'error-reason': this.refusal };
    const id = String(request['call-id']);
    const sdp = String(request.sdp ?? '');
    if (request.command === 'offer') {
      this.#offered.set(id, protocolOf(sdp));
      return { result: 'ok', sdp: under(sdp, String(request['transport-protocol'])) };
    }
    if (request.command === 'answer')
      return { result: 'ok', sdp: under(sdp, this.#offered.get(id) ?? 'RTP/AVP') };
    return { result: 'ok' };
  }

  close(): void {
    this.closed = true;
  }
}

const protocolOf = (sdp: string): string => /^m=audio \d+ (\S+)/m.exec(sdp)?.[1] ?? '';

function under(sdp: string, protocol: string): string {
  const lines = sdp
    .split('\r\n')
    .filter((line) => line !== '' && !line.startsWith('a=crypto'))
    .map((line) => line.replace(/^m=audio \d+ \S+/, `m=audio 30000 ${protocol}`));
  return [...lines, ...(protocol.includes('SAVP') ? [KEY] : []), ''].join('\r\n');
}
