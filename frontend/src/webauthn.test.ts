import { describe, expect, it } from "vitest";
import { answer, creation, request, toBytes, toText } from "./webauthn";

const ALL = Uint8Array.from({ length: 256 }, (_, byte) => byte).buffer;

describe("bytes", () => {
  it("come back as they went", () => {
    expect(toBytes(toText(ALL))).toEqual(ALL);
    expect(toText(ALL)).toMatch(/^[\w-]+$/);
  });
});

describe("options", () => {
  const options = {
    challenge: toText(ALL),
    user: { id: "AQI", name: "a@b.example" },
    excludeCredentials: [{ id: "AwQ", type: "public-key" }],
    authenticatorSelection: { userVerification: "preferred" },
  };

  it("of a passkey that does without a password demand a person", () => {
    const made = creation(options, true);
    expect(made.challenge).toEqual(ALL);
    expect(new Uint8Array(made.user.id as ArrayBuffer)).toEqual(Uint8Array.of(1, 2));
    expect(made.authenticatorSelection).toMatchObject({
      residentKey: "required",
      userVerification: "required",
    });
  });

  it("of a mere second factor do not", () => {
    const made = creation(options, false).authenticatorSelection;
    expect(made).toMatchObject({ residentKey: "discouraged", userVerification: "preferred" });
  });

  it("of a sign-in may name no credential", () => {
    expect(request({ challenge: "AQ" }).allowCredentials).toEqual([]);
  });
});

describe("an answer", () => {
  it("holds what there is, as text", () => {
    const response = { clientDataJSON: toBytes("AQ"), signature: toBytes("Ag"), userHandle: null };
    const told = answer({
      id: "AwQ",
      rawId: toBytes("AwQ"),
      type: "public-key",
      authenticatorAttachment: "platform",
      getClientExtensionResults: () => ({ credProps: { rk: true } }),
      response,
    } as unknown as PublicKeyCredential);

    expect(told).toMatchObject({ rawId: "AwQ", response: { clientDataJSON: "AQ", signature: "Ag" } });
    expect(told.response).not.toHaveProperty("userHandle");
  });
});
