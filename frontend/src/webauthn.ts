/**
 * The options and answers of passkeys, between the JSON of the server and the browser's own forms.
 *
 * Browsers of 2025 have `parseRequestOptionsFromJSON` and `toJSON` for it; the older ones that we
 * support do not.
 */

type Json = Record<string, unknown>;

export function toBytes(text: string): ArrayBuffer {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0)).buffer;
}

export function toText(bytes: ArrayBuffer): string {
  const plain = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** What `navigator.credentials.create` takes. `alone`: it shall do without a password. */
export function creation(options: Json, alone: boolean): PublicKeyCredentialCreationOptions {
  const user = options.user as Json;
  return {
    ...options,
    challenge: toBytes(options.challenge as string),
    user: { ...user, id: toBytes(user.id as string) },
    excludeCredentials: described(options.excludeCredentials),
    authenticatorSelection: {
      ...(options.authenticatorSelection as Json | undefined),
      residentKey: alone ? "required" : "discouraged",
      requireResidentKey: alone,
      ...(alone ? { userVerification: "required" } : {}),
    },
  } as PublicKeyCredentialCreationOptions;
}

/** What `navigator.credentials.get` takes. */
export function request(options: Json): PublicKeyCredentialRequestOptions {
  return {
    ...options,
    challenge: toBytes(options.challenge as string),
    allowCredentials: described(options.allowCredentials),
  } as PublicKeyCredentialRequestOptions;
}

/** The browser's answer as the server reads it. */
export function answer(credential: PublicKeyCredential): Json {
  const parts: Json = {};
  for (const name of BYTES) {
    const value = (credential.response as unknown as Json)[name];
    if (value instanceof ArrayBuffer) parts[name] = toText(value);
  }
  return {
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: parts,
  };
}

const BYTES = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];

function described(credentials: unknown): PublicKeyCredentialDescriptor[] {
  const known = (credentials ?? []) as (Json & { id: string })[];
  return known.map(({ id, ...more }) => ({ ...more, type: "public-key", id: toBytes(id) }));
}
