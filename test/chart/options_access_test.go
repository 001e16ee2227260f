package chart_test

// accessOptions are those of credentials, namespaces and permissions.
var accessOptions = map[string]option{
	"the operator may read the one Secret that is named": {
		values: "credentials: {existingSecret: other}",
		object: ownKey,
		has:    "rules: [{resources: [secrets], resourceNames: [other], verbs: [get]}]",
	},
	"the Secret that is named becomes a flag": {
		values: "credentials: {existingSecret: other, source: secret}",
		object: aDeployment,
		has:    manager("args: [--credentials=secret, --credentials-secret=other]"),
	},
	"the source directory mounts the Secret, and the operator may not read it by itself": {
		values: "credentials: {source: directory, directory: /keys, existingSecret: other}",
		object: aDeployment,
		has: pod("volumes: [{name: credentials, secret: {secretName: other, optional: true}}], containers: [{" +
			"args: [--credentials=directory, --credentials-directory=/keys], volumeMounts: [{name: credentials, mountPath: /keys, readOnly: true}]}]"),
		absent: ownKey,
	},
	"a mount of one's own at the directory takes the place of the Secret": {
		values: "{credentials: {source: directory, directory: /csi}, extraVolumes: [{name: csi, emptyDir: {}}], extraVolumeMounts: [{name: csi, mountPath: /csi}]}",
		object: aDeployment,
		has:    manager("volumeMounts: [{name: csi}]"),
		lacks:  manager("volumeMounts: [{name: credentials}]"),
	},
	"the source env takes the Secret as environment": {
		values: "credentials: {source: env}",
		object: aDeployment,
		has: manager("env: [{name: TENCENTCLOUD_SECRET_ID, valueFrom: {secretKeyRef: {name: clbtask-operator-credentials, key: secretId}}}," +
			" {name: TENCENTCLOUD_TOKEN, valueFrom: {secretKeyRef: {key: token, optional: true}}}]"),
		absent: ownKey,
	},
	"the role of pod identity becomes an annotation of the ServiceAccount": {
		values: "credentials: {source: pod-identity, podIdentity: {roleARN: 'qcs::cam::uin/1:roleName/clbtask', audience: aud}}",
		object: anAccount,
		has:    "metadata: {annotations: {tke.cloud.tencent.com/role-arn: 'qcs::cam::uin/1:roleName/clbtask', tke.cloud.tencent.com/audience: aud}}",
		absent: ownKey,
	},
	"the role of a machine needs no Secret": {
		values: "credentials: {source: cvm-role}",
		object: aDeployment,
		has:    manager("args: [--credentials=cvm-role]"),
		lacks:  manager("args: [--credentials-secret=clbtask-operator-credentials]"),
		absent: ownKey,
	},
	"a role can be assumed": {
		values: "credentials: {assumeRole: {arn: 'qcs::cam::uin/2:roleName/clbtask', externalID: 'a b'}}",
		object: aDeployment,
		has:    manager("args: ['--assume-role-arn=qcs::cam::uin/2:roleName/clbtask', '--assume-role-external-id=a b']"),
	},
	"the namespaces to watch become a flag": {
		values: "{watchNamespaces: [shop, web], metrics: {secure: false}}",
		object: aDeployment,
		has:    manager("args: ['--watch-namespaces=shop,web']"),
	},
	"the namespaces to watch get a Role each, and nothing is cluster-wide but the CRD": {
		values: "{watchNamespaces: [shop, web], metrics: {secure: false}}",
		object: "Role web/clbtask-system:clbtask-operator",
		has:    "rules: [{resources: [clbtasks], verbs: [delete, get]}, {resources: [clbtasks/status], verbs: [patch]}]",
		absent: "ClusterRole,ClusterRoleBinding",
	},
	"a binding in a watched namespace names the ServiceAccount of the release": {
		values: "{watchNamespaces: [shop], metrics: {secure: false}}",
		object: "RoleBinding shop/clbtask-system:clbtask-operator",
		has:    "{roleRef: {kind: Role, name: 'clbtask-system:clbtask-operator'}, subjects: [{kind: ServiceAccount, name: clbtask-operator, namespace: clbtask-system}]}",
	},
	"CLBTasks may name Secrets in the namespaces that are named": {
		values: "perTaskCredentials: {enabled: true, namespaces: [shop]}",
		object: "RoleBinding shop/clbtask-system:clbtask-operator-credentials-reader",
		has:    "roleRef: {kind: ClusterRole, name: 'clbtask-system:clbtask-operator-credentials-reader'}",
		absent: "RoleBinding web/clbtask-system:clbtask-operator-credentials-reader",
	},
	"CLBTasks may name Secrets in one of the watched namespaces": {
		values: "{watchNamespaces: [shop, web], metrics: {secure: false}, perTaskCredentials: {enabled: true, namespaces: [web]}}",
		object: "Role web/clbtask-system:clbtask-operator-credentials-reader",
		has:    "rules: [{resources: [secrets], verbs: [get]}]",
		absent: "ClusterRole,Role shop/clbtask-system:clbtask-operator-credentials-reader",
	},
	"CLBTasks may name Secrets in all watched namespaces": {
		values: "{watchNamespaces: [shop, web], metrics: {secure: false}, perTaskCredentials: {enabled: true}}",
		object: "RoleBinding shop/clbtask-system:clbtask-operator-credentials-reader",
		has:    "roleRef: {kind: Role}",
	},
	"a ServiceAccount that exists is used": {
		values: "serviceAccount: {create: false, name: theirs}",
		object: "RoleBinding clbtask-system/clbtask-operator-leader-election",
		has:    "subjects: [{name: theirs}]",
		absent: "ServiceAccount",
	},
	"the ServiceAccount has labels and annotations": {
		values: "serviceAccount: {labels: {team: net}, annotations: {note: x}}",
		object: anAccount,
		has:    "metadata: {labels: {team: net}, annotations: {note: x}}",
	},
	"somebody else can make the roles": {
		values: "rbac: {create: false}",
		object: aDeployment,
		absent: "Role,RoleBinding,ClusterRole,ClusterRoleBinding",
	},
	"the roles of users need not be aggregated": {
		values: "rbac: {aggregateClusterRoles: false}",
		object: "ClusterRole clbtask-system:clbtask-operator-editor",
		has:    "rules: [{verbs: [create]}]",
		lacks:  "metadata: {labels: {rbac.authorization.k8s.io/aggregate-to-edit: 'true'}}",
	},
}
