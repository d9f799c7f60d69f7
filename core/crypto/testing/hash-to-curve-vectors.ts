/** RFC 9380 appendices J.8.1 and J.5.1: the messages, and x and y of the points that each suite hashes them to. */

export const MESSAGES = ["", "abc", "abcdef0123456789", `q128_${"q".repeat(128)}`, `a512_${"a".repeat(512)}`] as const;

interface Suite {
  readonly dst: string;
  /** x and y per message. */
  readonly points: readonly (readonly [string, string])[];
}

export const HASH_TO_CURVE: Readonly<Record<"secp256k1" | "ed25519", Suite>> = {
  secp256k1: {
    dst: "QUUX-V01-CS02-with-secp256k1_XMD:SHA-256_SSWU_RO_",
    points: [
      [
        "c1cae290e291aee617ebaef1be6d73861479c48b841eaba9b7b5852ddfeb1346",
        "64fa678e07ae116126f08b022a94af6de15985c996c3a91b64c406a960e51067",
      ],
      [
        "3377e01eab42db296b512293120c6cee72b6ecf9f9205760bd9ff11fb3cb2c4b",
        "7f95890f33efebd1044d382a01b1bee0900fb6116f94688d487c6c7b9c8371f6",
      ],
      [
        "bac54083f293f1fe08e4a70137260aa90783a5cb84d3f35848b324d0674b0e3a",
        "4436476085d4c3c4508b60fcf4389c40176adce756b398bdee27bca19758d828",
      ],
      [
        "e2167bc785333a37aa562f021f1e881defb853839babf52a7f72b102e41890e9",
        "f2401dd95cc35867ffed4f367cd564763719fbc6a53e969fb8496a1e6685d873",
      ],
      [
        "e3c8d35aaaf0b9b647e88a0a0a7ee5d5bed5ad38238152e4e6fd8c1f8cb7c998",
        "8446eeb6181bf12f56a9d24e262221cc2f0c4725c7e3803024b5888ee5823aa6",
      ],
    ],
  },
  ed25519: {
    dst: "QUUX-V01-CS02-with-edwards25519_XMD:SHA-512_ELL2_RO_",
    points: [
      [
        "3c3da6925a3c3c268448dcabb47ccde5439559d9599646a8260e47b1e4822fc6",
        "09a6c8561a0b22bef63124c588ce4c62ea83a3c899763af26d795302e115dc21",
      ],
      [
        "608040b42285cc0d72cbb3985c6b04c935370c7361f4b7fbdb1ae7f8c1a8ecad",
        "1a8395b88338f22e435bbd301183e7f20a5f9de643f11882fb237f88268a5531",
      ],
      [
        "6d7fabf47a2dc03fe7d47f7dddd21082c5fb8f86743cd020f3fb147d57161472",
        "53060a3d140e7fbcda641ed3cf42c88a75411e648a1add71217f70ea8ec561a6",
      ],
      [
        "5fb0b92acedd16f3bcb0ef83f5c7b7a9466b5f1e0d8d217421878ea3686f8524",
        "2eca15e355fcfa39d2982f67ddb0eea138e2994f5956ed37b7f72eea5e89d2f7",
      ],
      [
        "0efcfde5898a839b00997fbe40d2ebe950bc81181afbd5cd6b9618aa336c1e8c",
        "6dc2fc04f266c5c27f236a80b14f92ccd051ef1ff027f26a07f8c0f327d8f995",
      ],
    ],
  },
};
