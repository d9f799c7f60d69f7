export { makeAuthority } from "./certificates.ts";
export type { Certified, TestAuthority } from "./certificates.ts";
export { EtcdCluster, startEtcd } from "./etcd-cluster.ts";
export type { EtcdClusterOptions } from "./etcd-cluster.ts";
export { EtcdMember, etcdMissing } from "./etcd-member.ts";
