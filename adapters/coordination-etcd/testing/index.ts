export { makeAuthority } from "./certificates.ts";
export type { Certified, TestAuthority } from "./certificates.ts";
export { EtcdCluster, startEtcd } from "./etcd-cluster.ts";
export type { EtcdClusterOptions } from "./etcd-cluster.ts";
export { EtcdMember, etcdMissing } from "./etcd-member.ts";
export { FakeEtcd, startFakeEtcd } from "./fake-etcd.ts";
export { LIES, seeded } from "./lying-etcd.ts";
export type { Lie } from "./lying-etcd.ts";
