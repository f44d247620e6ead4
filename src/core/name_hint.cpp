#include "name_hint.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "pii_class.h"
#include "shape.h"
#include "unicode_form.h"

namespace pii {
namespace {

enum Id : uint16_t {
  kName = 1,
  kEmail,
  kPhone,
  kSsn,
  kPan,
  kIban,
  kAccount,
  kAddress,
  kDob,
  kIp,
  kPassport,
  kNationalId,
  kDriverLicense,
  kPostcode,
};

/// How a word of the lists below is looked for in a name.
enum class Place {
  kWords,   ///< one word of the name, or several in a row written together
  kInside,  ///< anywhere in a word, as German writes them: Patientennachname
  kAlone,   ///< the whole name, and no strong hint
};

struct Entry {
  Id class_id;
  Place place;
  std::string_view words;  ///< in lower case without accents, separated by a space
};

/// A name that says two classes is of the first one: email_address, ip_address.
constexpr Entry kEntries[] = {
    {kEmail, Place::kWords, "email emailaddress mail emailid courriel correo correoelectronico emailadresse"},
    {kEmail, Place::kInside, "email"},
    {kIp, Place::kWords,
     "ip ipaddress ipaddr ipv4 ipv6 clientip remoteip remoteaddr ipadresse adresseip direccionip"},
    {kIban, Place::kWords, "iban"},
    {kPan, Place::kWords,
     "cardnumber cardno cardnum creditcard creditcardnumber ccnumber ccnum debitcard kreditkarte "
     "kreditkartennummer "
     "kartennummer tarjeta numerotarjeta tarjetacredito cartebancaire numerocarte cartacredito"},
    {kPhone, Place::kWords,
     "phone phonenumber phoneno telephone tel telno telefono telefone telefoon mobile mobilephone mobileno "
     "cell cellphone "
     "cellular handy handynummer handynr mobil mobilnummer mobiltelefon fax faxnumber rufnummer movil "
     "celular msisdn gsm"},
    {kPhone, Place::kInside, "telefon telephone"},
    {kSsn, Place::kWords, "ssn socialsecurity socialsecuritynumber socialsecurityno socsec"},
    {kDob, Place::kWords,
     "dob birth birthdate birthday bday birthdt dateofbirth naissance datenaissance datedenaissance "
     "nacimiento "
     "fechanacimiento fechadenacimiento nascita datanascita datadinascita nascimento datanascimento geboren "
     "geboortedatum fodelsedatum"},
    {kDob, Place::kInside, "geburtsdatum geburtstag gebdatum gebdat birthdate"},
    {kPassport, Place::kWords, "passnummer passnr passportno"},
    {kPassport, Place::kInside, "passport reisepass passeport pasaporte passaporto passaporte paspoort"},
    {kDriverLicense, Place::kWords,
     "driverslicense driverslicence driverlicense driverlicence drivinglicense drivinglicence "
     "drivinglicenceno dlnumber "
     "dlno permisconduire permisdeconduire permisconducir permisodeconducir permisoconducir licenciaconducir "
     "licenciadeconducir patentediguida patenteguida rijbewijs cartadeconducao carnetdeconducir"},
    {kDriverLicense, Place::kInside, "fuhrerschein fuehrerschein driverslicen driverlicen"},
    {kDriverLicense, Place::kAlone, "drivers dl"},
    {kNationalId, Place::kWords,
     "nationalid nationalidnumber nationalidno nationalinsurance nationalinsurancenumber nino ausweisnummer "
     "ausweisnr "
     "steuerid steueridentifikationsnummer steueridnr svnummer svnr dni nif curp cpf insee numerosecu "
     "numerosecuritesociale securitesociale codicefiscale codfiscale bsn burgerservicenummer pesel "
     "personnummer personnr "
     "fodselsnummer cprnummer aadhaar aadhar taxpayerid idcard idcardnumber cedula ahvnummer "
     "documentoidentidad "
     "cartaidentita identitycard"},
    {kNationalId, Place::kInside, "personalausweis sozialversicherung rentenversicherung"},
    {kNationalId, Place::kAlone, "nin nie nir ahv taxid tin steuernummer"},
    {kAccount, Place::kWords,
     "accountnumber accountno accountnum accountnr acctno acctnumber acctnum bankaccount bankaccountnumber "
     "bankkonto "
     "ktonr numerocuenta numerodecuenta cuentabancaria numerocompte numerodecompte comptebancaire "
     "numeroconto"},
    {kAccount, Place::kInside, "kontonummer kontonr"},
    {kPostcode, Place::kWords,
     "zip zipcode zipplus4 postcode postalcode plz codepostal codigopostal codpostal cep pincode "
     "postnummer postnr "
     "eircode"},
    {kPostcode, Place::kInside, "postleitzahl zipcode postcode"},
    {kName, Place::kWords,
     "firstname lastname surname forename givenname familyname middlename maidenname maiden fullname fname "
     "lname mname "
     "familienname geburtsname zuname rufname prenom nomfamille nomdefamille nomnaissance nomdenaissance "
     "nomcomplet "
     "nombrecompleto apellido apellidos primerapellido segundoapellido cognome sobrenome apelido voornaam "
     "achternaam "
     "customername patientname clientname employeename contactname personname holdername accountholder "
     "cardholder "
     "cardholdername ownername beneficiaryname recipientname kundenname mothersname fathersname spousename "
     "guestname "
     "passengername membername studentname"},
    {kName, Place::kInside, "nachname vorname firstname lastname surname"},
    {kPostcode, Place::kAlone, "cp"},
    {kName, Place::kAlone, "first last middle name names nom nombre nombres nome given family"},
    {kAddress, Place::kWords,
     "address addr streetaddress street streetname adresse anschrift direccion domicilio calle indirizzo "
     "endereco rua "
     "rue adres straat homeaddress postaladdress addressline wohnanschrift"},
    {kAddress, Place::kInside, "strasse anschrift address"},
};

/// About such a value, not the value itself.
constexpr std::string_view kAbout =
    "hash hashed type status count flag verified valid expiry expires expiration expire issued issuer "
    "country format "
    "template subject language file filename version mac wallet web url memory provider label kind ext "
    "extension visible "
    "place city ort lieu lugar luogo state region currency prefix suffix length size verification";

constexpr std::string_view kThings =
    "version release build firmware sku order orders tracking serial part invoice item product model isbn "
    "ean upc gtin "
    "barcode article artikel bestellung bestellnummer rechnung commande pedido factura title description "
    "host amount "
    "price total quantity score lat lon lng latitude longitude id uuid guid key token hash";

/// A table with such a column is of persons.
constexpr std::string_view kOfPersons =
    "gender sex geschlecht sexe sexo genero sesso salutation anrede civilite marital maritalstatus "
    "familienstand ethnicity";

constexpr std::string_view kPersons =
    "person persons people patient patients customer customers client clients user users employee employees "
    "member members "
    "contact contacts subscriber subscribers guest guests student students teacher teachers applicant "
    "applicants candidate "
    "candidates citizen citizens resident residents passenger passengers staff donor donors voter voters "
    "personen patienten "
    "kunde kunden mitarbeiter mitglied mitglieder benutzer schueler schuler personne personnes salarie "
    "salaries utilisateur "
    "utilisateurs cliente clientes persona personas empleado empleados usuario usuarios paciente pacientes "
    "alumno alumnos "
    "dipendenti utenti pazienti clienti pessoa pessoas klanten";

/// Calls `body` for each word of a list until it returns true.
template <typename Body>
bool AnyWord(std::string_view list, Body body) {
  while (!list.empty()) {
    size_t end = std::min(list.find(' '), list.size());
    if (body(list.substr(0, end))) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

bool Contains(std::string_view list, std::string_view word) {
  return AnyWord(list, [&](std::string_view listed) { return listed == word; });
}

/// The name with a _ where camelCase begins a word.
std::string SplitCamelCase(std::string_view name) {
  std::string split;
  for (size_t i = 0; i < name.size(); ++i) {
    bool upper = name[i] >= 'A' && name[i] <= 'Z';
    bool after_lower = i > 0 && name[i - 1] >= 'a' && name[i - 1] <= 'z';
    if (upper && after_lower) split.push_back('_');
    split.push_back(name[i]);
  }
  return split;
}

/// Words of a name in lower case without accents: ß is ss, ä is a. Digits separate, so that address1 is an
/// address.
std::vector<std::string> WordsOf(std::string_view name) {
  constexpr size_t kMaxName = 256;  // bytes; PostgreSQL's names have 63
  std::vector<std::string> words;
  if (name.size() > kMaxName || !IsValidUtf8(name)) return words;
  std::array<char, kMaxName * 24> folded;
  std::array<char, kMaxName * 24> bare;
  size_t size = 0;
  if (ToNfkcCasefold(SplitCamelCase(name), folded, &size) != Status::kOk) return words;
  size_t bare_size = 0;
  if (ToNfkd({folded.data(), size}, bare, &bare_size) != Status::kOk) return words;
  bool in_word = false;
  for (char c : std::string_view(bare.data(), bare_size)) {
    if (static_cast<uint8_t>(c) >= 0x80) continue;  // an accent, now apart from its letter
    bool letter = c >= 'a' && c <= 'z';
    if (letter && !in_word) words.emplace_back();
    if (letter) words.back().push_back(c);
    in_word = letter;
  }
  return words;
}

/// True when words in a row, written together, are `word`.
bool HasRun(const std::vector<std::string>& words, std::string_view word) {
  for (size_t first = 0; first < words.size(); ++first) {
    std::string run;
    for (size_t next = first; next < words.size() && run.size() < word.size(); ++next) {
      run += words[next];
      if (run == word) return true;
    }
  }
  return false;
}

bool HasInside(const std::vector<std::string>& words, std::string_view part) {
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& word) { return word.find(part) != std::string::npos; });
}

bool Matches(const std::vector<std::string>& words, const Entry& entry) {
  return AnyWord(entry.words, [&](std::string_view word) {
    switch (entry.place) {
      case Place::kWords:
        return HasRun(words, word);
      case Place::kInside:
        return HasInside(words, word);
      case Place::kAlone:
        return words.size() == 1 && words.front() == word;
    }
    return false;
  });
}

bool HasAny(const std::vector<std::string>& words, std::string_view list) {
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& word) { return Contains(list, word); });
}

/// The number of a row, where a class has no numbers of its own: zip_id, not national_id.
bool IsKey(const std::vector<std::string>& words, Id class_id) {
  constexpr ClassSet kNumbered = ClassBit(kEmail) | ClassBit(kSsn) | ClassBit(kPassport) |
                                 ClassBit(kNationalId) | ClassBit(kDriverLicense);
  return words.back() == "id" && (kNumbered & ClassBit(class_id)) == 0;
}

/// Classes that only persons have.
constexpr ClassSet kPersonal = ClassBit(kName) | ClassBit(kSsn) | ClassBit(kDob) | ClassBit(kPassport) |
                               ClassBit(kDriverLicense) | ClassBit(kNationalId);

}  // namespace

NameHint HintOfColumn(std::string_view column) {
  NameHint hint{};
  std::vector<std::string> words = WordsOf(column);
  hint.is_of_thing = HasAny(words, kThings);
  hint.is_of_person = HasAny(words, kOfPersons);
  if (words.empty() || HasAny(words, kAbout)) return hint;
  for (const Entry& entry : kEntries) {
    if (!Matches(words, entry) || IsKey(words, entry.class_id)) continue;
    ClassSet& set = entry.place == Place::kAlone ? hint.weak : hint.strong;
    set = ClassBit(entry.class_id);
    break;
  }
  hint.is_of_person = hint.is_of_person || (hint.strong & kPersonal) != 0;
  return hint;
}

bool NamesPersons(std::string_view table) { return HasAny(WordsOf(table), kPersons); }

}  // namespace pii
