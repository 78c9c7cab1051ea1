// rtpengine as far as its control protocol goes: profiles change, ports are its own. Real ones judge in test/peers.
import { Signal } from '#src/base/events.ts';
import { type BencodedDictionary, bencode, isDictionary, parseBencode } from '#src/operator/edge/bencode.ts';
import type { NgSocket } from '#src/operator/edge/ng-client.ts';

const KEY = 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj';

/** Where its media go. */
export const EDGE = '192.0.2.99';

export class FakeNg implements NgSocket {
  readonly onMessage = new Signal<Buffer>();
  readonly requests: BencodedDictionary[] = [];
  readonly cookies: string[] = [];
  /** Datagrams that are lost. */
  lose = 0;
  /** Each command is refused with this reason. */
  refusal: string | undefined;
  closed = false;
  readonly #offered = new Map<string, readonly string[]>();

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
      this.#offered.set(id, protocolsOf(sdp));
      return { result: 'ok', sdp: under(sdp, () => String(request['transport-protocol'])) };
    }
    if (request.command === 'answer')
      return { result: 'ok', sdp: under(sdp, (at) => this.#offered.get(id)?.[at] ?? 'RTP/AVP') };
    return { result: 'ok' };
  }

  close(): void {
    this.closed = true;
  }
}

const MEDIA = /^m=(\S+) (\d+) (\S+)/;
const protocolsOf = (sdp: string): string[] =>
  sdp.split('\r\n').flatMap((line) => MEDIA.exec(line)?.[3] ?? []);

/** Ports and address of its own, this profile, and a key where the profile has one; unused streams stay unused. */
function under(sdp: string, protocolOf: (at: number) => string): string {
  const [session = '', ...media] = sdp.split(/^(?=m=)/m);
  const given = media.map((section, at) => {
    const [, kind, port] = MEDIA.exec(section) ?? [];
    const protocol = protocolOf(at);
    if (port === '0') return section;
    const lines = section.split('\r\n').filter((line) => line !== '' && !/^a=crypto|^c=/.test(line));
    lines[0] = (lines[0] ?? '').replace(MEDIA, `m=${kind} ${30_000 + 2 * at} ${protocol}`);
    return [...lines, ...(protocol.includes('SAVP') ? [KEY] : []), ''].join('\r\n');
  });
  return [session.replace(/^c=.*$/m, `c=IN IP4 ${EDGE}`), ...given].join('');
}
