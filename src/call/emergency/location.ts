// Where this device is, as a location object for an emergency call (RFC 4119, RFC 5139, RFC 5491, RFC 6442; 24.229 5.1.6.8).
import { CIVIC_ELEMENTS } from '#src/base/config/formats.ts';
import { escapeXml } from '#src/base/xml.ts';
import { HeaderList } from '#src/sip/message/header-list.ts';
import type { Part } from '#src/sip/message/multipart.ts';
import type { HeaderPairs } from '../facts.ts';

export interface Place {
  /** WGS 84, degrees. */
  readonly point?: {
    readonly latitude: number;
    readonly longitude: number;
    readonly uncertainty?: number | undefined;
  };
  /** Elements of a civic address (RFC 5139 3.1), in the order of its schema. */
  readonly civic: readonly (readonly [name: string, value: string])[];
}

export interface PidfFields {
  /** Whom the location is of. */
  readonly entity: string;
  /** A URN of the device. */
  readonly device: string;
  readonly at: Date;
}

/** `["country=SE", "A3=Stockholm"]`, in any order; the last of two values counts. */
export function civicOf(texts: readonly string[]): Place['civic'] {
  const given = new Map(
    texts.map((text): [string, string] => [
      text.slice(0, text.indexOf('=')),
      text.slice(text.indexOf('=') + 1),
    ]),
  );
  return CIVIC_ELEMENTS.flatMap((name) => {
    const value = given.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
}

const NAMESPACES = [
  'xmlns="urn:ietf:params:xml:ns:pidf"',
  'xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"',
  'xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10"',
  'xmlns:gml="http://www.opengis.net/gml"',
  'xmlns:gs="http://www.opengis.net/pidflo/1.0"',
  'xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr"',
].join(' ');
/** RFC 5491 5.1: latitude and longitude of WGS 84. */
const WGS84 = 'urn:ogc:def:crs:EPSG::4326';
const METRE = 'urn:ogc:def:uom:EPSG::9001';

function pointXml({ latitude, longitude, uncertainty }: NonNullable<Place['point']>): string {
  const pos = `<gml:pos>${latitude} ${longitude}</gml:pos>`;
  return uncertainty === undefined
    ? `<gml:Point srsName="${WGS84}">${pos}</gml:Point>`
    : `<gs:Circle srsName="${WGS84}">${pos}<gs:radius uom="${METRE}">${uncertainty}</gs:radius></gs:Circle>`;
}

const civicXml = (civic: Place['civic']): string =>
  `<ca:civicAddress>${civic.map(([name, value]) => `<ca:${name}>${escapeXml(value)}</ca:${name}>`).join('')}</ca:civicAddress>`;

/** RFC 5491 3.4: the location of a device; both forms say the same place, the finer one first. */
export function pidfLo({ point, civic }: Place, { entity, device, at }: PidfFields): string {
  const info = `${point ? pointXml(point) : ''}${civic.length > 0 ? civicXml(civic) : ''}`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<presence ${NAMESPACES} entity="${escapeXml(entity)}">`,
    '<dm:device id="device">',
    `<gp:geopriv><gp:location-info>${info}</gp:location-info><gp:usage-rules/><gp:method>Manual</gp:method></gp:geopriv>`,
    `<dm:deviceID>${escapeXml(device)}</dm:deviceID>`,
    `<dm:timestamp>${at.toISOString()}</dm:timestamp>`,
    '</dm:device>',
    '</presence>',
    '',
  ].join('\n');
}

export const hasPlace = ({ point, civic }: Place): boolean => point !== undefined || civic.length > 0;

/** `contentId`: unlike any other, without brackets. */
export function conveyed(
  pidf: string,
  contentId: string,
): { readonly headers: HeaderPairs; readonly parts: readonly Part[] } {
  return {
    headers: [
      ['Geolocation', `<cid:${contentId}>`],
      // RFC 6442 4.2: the network may route by it.
      ['Geolocation-Routing', 'yes'],
    ],
    parts: [
      {
        headers: HeaderList.of([
          ['Content-Type', 'application/pidf+xml'],
          ['Content-ID', `<${contentId}>`],
          // A side that does not know locations takes the call all the same.
          ['Content-Disposition', 'render;handling=optional'],
        ]),
        body: Buffer.from(pidf, 'utf8'),
      },
    ],
  };
}
