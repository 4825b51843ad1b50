package v16_test

// samples are messages of all actions, with all their fields, as this package writes
// them: the requests and the responses.
var samples = map[string][2][]string{
	"Authorize": {
		{`{"idTag":"04A2B3C4D5E6F7"}`},
		{`{"idTagInfo":{"expiryDate":"2026-12-31T23:59:59.000Z","parentIdTag":"FLEET-1","status":"Accepted"}}`, `{"idTagInfo":{"status":"ConcurrentTx"}}`},
	},
	"BootNotification": {
		{
			`{"chargeBoxSerialNumber":"box-1","chargePointModel":"Duo","chargePointSerialNumber":"SN-1","chargePointVendor":"Volt & Söhne","firmwareVersion":"1.2.3","iccid":"8931","imsi":"2041","meterSerialNumber":"M-1","meterType":"DZG"}`,
			`{"chargePointModel":"Duo","chargePointVendor":"Volt"}`,
		},
		{`{"currentTime":"2026-01-02T03:04:05.678Z","interval":300,"status":"Accepted"}`, `{"currentTime":"2026-01-02T03:04:05.000Z","interval":0,"status":"Pending"}`},
	},
	"CancelReservation":  {{`{"reservationId":7}`}, {`{"status":"Rejected"}`}},
	"ChangeAvailability": {{`{"connectorId":0,"type":"Inoperative"}`}, {`{"status":"Scheduled"}`}},
	"ChangeConfiguration": {
		{`{"key":"HeartbeatInterval","value":"300"}`, `{"key":"MeterValuesSampledData","value":""}`},
		{`{"status":"RebootRequired"}`},
	},
	"ClearCache": {{`{}`}, {`{"status":"Accepted"}`}},
	"ClearChargingProfile": {
		{`{"id":1,"connectorId":0,"chargingProfilePurpose":"TxDefaultProfile","stackLevel":0}`, `{}`},
		{`{"status":"Unknown"}`},
	},
	"DataTransfer": {
		{`{"vendorId":"com.example","messageId":"GetX","data":"{\"a\":1}"}`, `{"vendorId":"com.example","data":""}`, `{"vendorId":"com.example"}`},
		{`{"status":"UnknownMessageId","data":"?"}`, `{"status":"Accepted"}`},
	},
	"DiagnosticsStatusNotification": {{`{"status":"Uploading"}`}, {`{}`}},
	"FirmwareStatusNotification":    {{`{"status":"InstallationFailed"}`}, {`{}`}},
	"GetCompositeSchedule": {
		{`{"connectorId":1,"duration":3600,"chargingRateUnit":"A"}`, `{"connectorId":0,"duration":60}`},
		{
			`{"status":"Accepted","connectorId":1,"scheduleStart":"2026-01-02T03:04:05.000Z","chargingSchedule":{"duration":3600,"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":16,"numberPhases":3},{"startPeriod":60,"limit":8.1}],"minChargingRate":6.5}}`,
			`{"status":"Rejected"}`,
		},
	},
	"GetConfiguration": {
		{`{"key":["HeartbeatInterval","NoSuchKey"]}`, `{}`},
		{`{"configurationKey":[{"key":"HeartbeatInterval","readonly":false,"value":"300"},{"key":"Empty","readonly":true,"value":""},{"key":"Unset","readonly":true}],"unknownKey":["NoSuchKey"]}`, `{}`},
	},
	"GetDiagnostics": {
		{`{"location":"https://example.com/upload","retries":3,"retryInterval":60,"startTime":"2026-01-01T00:00:00.000Z","stopTime":"2026-01-02T00:00:00.000Z"}`, `{"location":"ftp://example.com/"}`},
		{`{"fileName":"diagnostics.zip"}`, `{}`},
	},
	"GetLocalListVersion": {{`{}`}, {`{"listVersion":-1}`, `{"listVersion":0}`, `{"listVersion":12}`}},
	"Heartbeat":           {{`{}`}, {`{"currentTime":"2026-01-02T03:04:05.678Z"}`}},
	"MeterValues": {
		{
			`{"connectorId":1,"transactionId":42,"meterValue":[{"timestamp":"2026-01-02T03:04:05.000Z","sampledValue":[{"value":"1234.5","context":"Sample.Periodic","format":"Raw","measurand":"Energy.Active.Import.Register","phase":"L1-N","location":"Outlet","unit":"kWh"},{"value":"21","measurand":"Temperature","unit":"Celsius"}]}]}`,
			`{"connectorId":0,"meterValue":[{"timestamp":"2026-01-02T03:04:05.000Z","sampledValue":[{"value":"0A1B2C","format":"SignedData"}]}]}`,
		},
		{`{}`},
	},
	"RemoteStartTransaction": {
		{
			`{"connectorId":1,"idTag":"V-8F3A","chargingProfile":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Relative","chargingSchedule":{"chargingRateUnit":"W","chargingSchedulePeriod":[{"startPeriod":0,"limit":11000}]}}}`,
			`{"idTag":"V-8F3A"}`,
		},
		{`{"status":"Accepted"}`},
	},
	"RemoteStopTransaction": {{`{"transactionId":42}`}, {`{"status":"Rejected"}`}},
	"ReserveNow": {
		{`{"connectorId":0,"expiryDate":"2026-01-02T04:00:00.000Z","idTag":"A","parentIdTag":"P","reservationId":7}`, `{"connectorId":2,"expiryDate":"2026-01-02T04:00:00.000Z","idTag":"A","reservationId":8}`},
		{`{"status":"Occupied"}`},
	},
	"Reset": {{`{"type":"Soft"}`}, {`{"status":"Accepted"}`}},
	"SendLocalList": {
		{
			`{"listVersion":3,"localAuthorizationList":[{"idTag":"A","idTagInfo":{"expiryDate":"2026-12-31T00:00:00.000Z","parentIdTag":"P","status":"Blocked"}},{"idTag":"B"}],"updateType":"Differential"}`,
			`{"listVersion":1,"updateType":"Full"}`,
		},
		{`{"status":"VersionMismatch"}`},
	},
	"SetChargingProfile": {
		{
			`{"connectorId":1,"csChargingProfiles":{"chargingProfileId":9,"transactionId":42,"stackLevel":1,"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Absolute","validFrom":"2026-01-01T00:00:00.000Z","validTo":"2026-02-01T00:00:00.000Z","chargingSchedule":{"duration":86400,"startSchedule":"2026-01-01T00:00:00.000Z","chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":0.1,"numberPhases":1}],"minChargingRate":6}}}`,
			`{"connectorId":0,"csChargingProfiles":{"chargingProfileId":9,"stackLevel":0,"chargingProfilePurpose":"ChargePointMaxProfile","chargingProfileKind":"Recurring","recurrencyKind":"Weekly","chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":32}]}}}`,
		},
		{`{"status":"NotSupported"}`},
	},
	"StartTransaction": {
		{`{"connectorId":1,"idTag":"A","meterStart":1000,"reservationId":7,"timestamp":"2026-01-02T03:04:05.000Z"}`, `{"connectorId":2,"idTag":"A","meterStart":0,"timestamp":"1970-01-01T00:00:09.000Z"}`},
		{`{"idTagInfo":{"status":"Invalid"},"transactionId":42}`},
	},
	"StatusNotification": {
		{
			`{"connectorId":1,"errorCode":"GroundFailure","info":"RCD","status":"Faulted","timestamp":"2026-01-02T03:04:05.000Z","vendorId":"com.example","vendorErrorCode":"E17"}`,
			`{"connectorId":0,"errorCode":"NoError","status":"Available"}`,
		},
		{`{}`},
	},
	"StopTransaction": {
		{
			`{"idTag":"A","meterStop":2000,"timestamp":"2026-01-02T04:04:05.000Z","transactionId":42,"reason":"EVDisconnected","transactionData":[{"timestamp":"2026-01-02T04:00:00.000Z","sampledValue":[{"value":"2000","context":"Transaction.End"}]}]}`,
			`{"meterStop":2000,"timestamp":"2026-01-02T04:04:05.000Z","transactionId":-1}`,
		},
		{`{"idTagInfo":{"status":"Accepted"}}`, `{}`},
	},
	"TriggerMessage":  {{`{"requestedMessage":"StatusNotification","connectorId":1}`, `{"requestedMessage":"Heartbeat"}`}, {`{"status":"NotImplemented"}`}},
	"UnlockConnector": {{`{"connectorId":1}`}, {`{"status":"UnlockFailed"}`}},
	"UpdateFirmware": {
		{`{"location":"https://example.com/fw.bin","retries":1,"retrieveDate":"2026-01-02T03:04:05.000Z","retryInterval":60}`, `{"location":"https://example.com/fw.bin","retrieveDate":"2026-01-02T03:04:05.000Z"}`},
		{`{}`},
	},

	"CertificateSigned":          {{`{"certificateChain":"-----BEGIN CERTIFICATE-----\nMII\n"}`}, {`{"status":"Rejected"}`}},
	"DeleteCertificate":          {{`{"certificateHashData":{"hashAlgorithm":"SHA256","issuerNameHash":"aa","issuerKeyHash":"bb","serialNumber":"01"}}`}, {`{"status":"NotFound"}`}},
	"ExtendedTriggerMessage":     {{`{"requestedMessage":"SignChargePointCertificate","connectorId":1}`, `{"requestedMessage":"LogStatusNotification"}`}, {`{"status":"Accepted"}`}},
	"GetInstalledCertificateIds": {{`{"certificateType":"ManufacturerRootCertificate"}`}, {`{"status":"Accepted","certificateHashData":[{"hashAlgorithm":"SHA512","issuerNameHash":"aa","issuerKeyHash":"bb","serialNumber":"01"}]}`, `{"status":"NotFound"}`}},
	"GetLog": {
		{`{"logType":"SecurityLog","requestId":5,"retries":1,"retryInterval":10,"log":{"remoteLocation":"https://example.com/log","oldestTimestamp":"2026-01-01T00:00:00.000Z","latestTimestamp":"2026-01-02T00:00:00.000Z"}}`, `{"logType":"DiagnosticsLog","requestId":6,"log":{"remoteLocation":"https://example.com/log"}}`},
		{`{"status":"AcceptedCanceled","filename":"log.txt"}`, `{"status":"Rejected"}`},
	},
	"InstallCertificate":               {{`{"certificateType":"CentralSystemRootCertificate","certificate":"-----BEGIN"}`}, {`{"status":"Failed"}`}},
	"LogStatusNotification":            {{`{"status":"UploadFailure","requestId":5}`, `{"status":"Idle"}`}, {`{}`}},
	"SecurityEventNotification":        {{`{"type":"TamperDetectionActivated","timestamp":"2026-01-02T03:04:05.000Z","techInfo":"lid"}`, `{"type":"StartupOfTheDevice","timestamp":"2026-01-02T03:04:05.000Z"}`}, {`{}`}},
	"SignCertificate":                  {{`{"csr":"-----BEGIN CERTIFICATE REQUEST-----"}`}, {`{"status":"Accepted"}`}},
	"SignedFirmwareStatusNotification": {{`{"status":"InstallVerificationFailed","requestId":9}`, `{"status":"Idle"}`}, {`{}`}},
	"SignedUpdateFirmware": {
		{`{"retries":1,"retryInterval":10,"requestId":9,"firmware":{"location":"https://example.com/fw","retrieveDateTime":"2026-01-02T03:04:05.000Z","installDateTime":"2026-01-03T03:04:05.000Z","signingCertificate":"-----BEGIN","signature":"c2ln"}}`, `{"requestId":9,"firmware":{"location":"https://example.com/fw","retrieveDateTime":"2026-01-02T03:04:05.000Z","signingCertificate":"-----BEGIN","signature":"c2ln"}}`},
		{`{"status":"RevokedCertificate"}`},
	},
}
