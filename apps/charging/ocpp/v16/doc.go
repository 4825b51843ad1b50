// Package v16 has the messages of OCPP 1.6 (edition 2, with its errata) and of its
// security extension ("Improved security for OCPP 1.6-J", edition 2) as Go types: 28
// and 11 actions. [Actions] lists them; [Messages] reads and writes them for package
// ocpp:
//
//	server := ocpp.NewServer(v16.Messages{}, stations, system, nil)
//
// and [Call] makes a call whose answer has its type:
//
//	conf, err := v16.Call(ctx, session, &v16.ResetReq{Type: v16.ResetSoft})
//
// Types have the names of the standard: ".req" is Req, ".conf" is Conf. An optional
// text, date or value of an enumeration that is absent is the zero value; other
// optional fields are pointers, where zero means something.
//
// # What is checked
//
// Reading and writing know each field's cardinality, type, length and range, the
// values of enumerations, and the rules between fields that the standard has. What is
// written is checked in full: a message that violates the standard is not sent. What
// is read may have fields that the standard does not know, which are ignored; null
// counts as absent; dates may be written in any of the ways that stations use.
//
// # Facts are not refused
//
// A station that gets a CALLERROR for a StartTransaction, StopTransaction or
// MeterValues sends it again, and then drops it (OCPP 1.6, 3.7.1): the record is lost,
// and money. So these, and StatusNotification, are read as far as they can be: a text
// that is too long stays as it is, a sampled value that makes no sense is left out.
// The request comes together with the violation. Only what lacks a field that it must
// have is refused. [Messages.Strict] makes them like all others.
//
// The section numbers in comments are those of the OCPP 1.6 specification; "security"
// means the security extension, "errata" the sheet for 1.6 (v4.0), "J errata" that for
// 1.6-J.
package v16
