; Untried. Inno Setup 6: iscc /DVersion=0.1.0 /DFrozen=C:\build\dist\fer-studio packaging\windows\fer-studio.iss
#ifndef Version
  #error give the version: iscc /DVersion=0.1.0
#endif
#ifndef Frozen
  #error give the frozen folder: iscc /DFrozen=C:\build\dist\fer-studio
#endif

[Setup]
AppId={{6E0D7C0B-5C0A-4D43-9E43-6B0C7C2E7F51}
AppName=fer-studio
AppVersion={#Version}
DefaultDirName={autopf}\fer-studio
DefaultGroupName=fer-studio
DisableProgramGroupPage=yes
PrivilegesRequired=lowest
PrivilegesRequiredOverridesAllowed=dialog
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
LicenseFile=..\..\LICENSE
SetupIconFile=..\..\assets\icon\fer-studio.ico
UninstallDisplayIcon={app}\fer-studio.exe
OutputBaseFilename=fer-studio-{#Version}-setup
Compression=lzma2
SolidCompression=yes

[Files]
Source: "{#Frozen}\*"; DestDir: "{app}"; Flags: recursesubdirs ignoreversion

[Icons]
Name: "{group}\fer-studio"; Filename: "{app}\fer-studio.exe"

[Registry]
; Offered under "Open with" for videos; the person's default player stays.
Root: HKA; Subkey: "Software\Classes\Applications\fer-studio.exe\shell\open\command"; ValueType: string; ValueData: """{app}\fer-studio.exe"" ""%1"""; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\SystemFileAssociations\video\OpenWithList\fer-studio.exe"; ValueType: none; Flags: uninsdeletekey
