// RELAX NG, of the same meaning as the schemas of TS 24.623 6.3, 24.604 4.9.2, 24.607 4.10, 24.608 4.9.2, 24.611 4.9.2, 24.615 4.8 and RFC 4745 13.2.
import { COMMON_POLICY_NS, SIMSERVS_NS } from '#src/services/ut/vocabulary.ts';

const optional = (...content: string[]): string =>
  content.map((each) => `<optional>${each}</optional>`).join('');
const many = (content: string): string => `<zeroOrMore>${content}</zeroOrMore>`;
const attribute = (name: string, content: string): string =>
  `<attribute name="${name}" ns="">${content}</attribute>`;
const element = (name: string, ...content: string[]): string =>
  `<element name="${name}">${content.join('') || '<empty/>'}</element>`;
const oneOf = (...values: string[]): string =>
  `<choice>${values.map((value) => `<value>${value}</value>`).join('')}</choice>`;
const type = (name: string, ...facets: string[]): string =>
  facets.length === 0 ? `<data type="${name}"/>` : `<data type="${name}">${facets.join('')}</data>`;
const BOOLEAN = type('boolean');
const ANY_URI = type('anyURI');
const active = optional(attribute('active', BOOLEAN));
const service = (name: string, ...content: string[]): string =>
  `<element name="${name}"><ref name="other-attributes"/>${active}${content.join('')}</element>`;

const reveal = oneOf('false', 'not-reveal-GRUU', 'true');
const conditions = [
  'anonymous',
  'communication-diverted',
  'rule-deactivated',
  'not-registered',
  'busy',
  'no-answer',
  'not-reachable',
  'roaming',
  'international',
  'international-exHC',
].map((name) => `<element name="ss:${name}"><empty/></element>`);
const words = ['media', 'presence-status', 'request-name'].map(
  (name) => `<element name="ss:${name}"><text/></element>`,
);
const forwardTo = element(
  'ss:forward-to',
  element('ss:target', ANY_URI),
  optional(
    element('ss:notify-caller', BOOLEAN),
    element('ss:reveal-identity-to-caller', reveal),
    element('ss:reveal-served-user-identity-to-caller', reveal),
    element('ss:notify-served-user', BOOLEAN),
    element('ss:notify-served-user-on-outbound-call', BOOLEAN),
    element('ss:reveal-identity-to-target', reveal),
  ),
);
const rule = element(
  'cp:rule',
  attribute('id', type('ID')),
  optional(
    element(
      'cp:conditions',
      many(
        `<choice>${[...conditions, ...words].join('')}<element name="cp:identity"><ref name="anything"/></element><element name="cp:validity"><ref name="anything"/></element><ref name="foreign"/></choice>`,
      ),
    ),
    element(
      'cp:actions',
      many(`<choice>${forwardTo}${element('ss:allow', BOOLEAN)}<ref name="foreign"/></choice>`),
    ),
    element('cp:transformations', many('<ref name="foreign"/>')),
  ),
);
const ruleset = element('cp:ruleset', many(rule));
const behaviour = optional(
  element('ss:default-behaviour', oneOf('presentation-restricted', 'presentation-not-restricted')),
);
const range = (name: string, value: number): string => `<param name="${name}">${value}</param>`;

const services = [
  service(
    'ss:communication-diversion',
    optional(
      element(
        'ss:NoReplyTimer',
        type('positiveInteger', range('minInclusive', 5), range('maxInclusive', 180)),
      ),
      ruleset,
    ),
  ),
  ...['incoming', 'outgoing'].map((way) =>
    service(
      `ss:${way}-communication-barring`,
      optional(attribute('password-required', BOOLEAN)),
      optional(ruleset),
    ),
  ),
  ...['originating', 'terminating'].flatMap((side) => [
    service(`ss:${side}-identity-presentation`),
    service(`ss:${side}-identity-presentation-restriction`, behaviour),
  ]),
  service('ss:communication-waiting'),
];

const ANYTHING = `<define name="anything">${many(`<choice><attribute><anyName/></attribute><text/><element><anyName/><ref name="anything"/></element></choice>`)}</define>`;
const OUTSIDE = `<anyName><except><nsName ns="${SIMSERVS_NS}"/><nsName ns="${COMMON_POLICY_NS}"/></except></anyName>`;

export const SIMSERVS_SCHEMA = `<grammar xmlns="http://relaxng.org/ns/structure/1.0" xmlns:ss="${SIMSERVS_NS}" xmlns:cp="${COMMON_POLICY_NS}"
  datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes"><start>${element(
    'ss:simservs',
    '<ref name="other-attributes"/>',
    many(`<choice>${services.join('')}</choice>`),
    optional(element('ss:extensions', many('<ref name="foreign"/>'))),
  )}</start>
  <define name="other-attributes">${many('<attribute><anyName><except><nsName ns=""/></except></anyName></attribute>')}</define>
  <define name="foreign"><element>${OUTSIDE}<ref name="anything"/></element></define>
  ${ANYTHING}</grammar>`;
